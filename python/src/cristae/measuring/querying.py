"""Which objects of a table are wanted: ``volume_nm3 > 1e6 and touches_border == 0``.

The text is parsed as an expression of Python, and only what stands below is taken from it; nothing of it is
ever run.
"""

import ast
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from cristae.errors import InvalidInput
from cristae.measuring.table import Table

LONGEST = 1000
LARGEST_NUMBER = 2**64

type Bools = npt.NDArray[np.bool_]
type DistanceTo = Callable[[int], npt.NDArray[np.number]]

_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
_FORM = "Write it like: volume_nm3 > 1e6 and touches_border == 0."
_BOX = 6
_CLASS = "class_"


def chosen_by(where: str, table: Table, unit: str = "nm", distance_to: DistanceTo | None = None) -> Bools:
    """Return which rows of a table an expression holds for.

    Parameters
    ----------
    where
        Numbers, names of columns, comparisons, ``and``, ``or``, ``not`` and parentheses;
        ``within(z0, y0, x0, z1, y1, x1)`` (in a section ``within(y0, x0, y1, x1)``) for objects whose
        bounding box lies in a half-open box of voxels; and ``distance_to_nm(ID)``, the distance of each
        object to another one. What is not defined fulfils no comparison.
    table
        The objects.
    unit
        "nm" or "px": the end of the name ``distance_to_nm``.
    distance_to
        Returns the distance (rows,) of all objects to that with an id; raises if it is not there.

    Raises
    ------
    InvalidInput
        The expression holds something else, or a column that is not there.

    Examples
    --------
    >>> table = Table({"id": np.array([1, 2, 3]), "voxels": np.array([5, 50, 500])})
    >>> chosen_by("5 < voxels <= 500 and not id == 3", table).tolist()
    [False, True, False]
    """
    try:
        return _Query(table, unit, distance_to).run(where)
    except (RecursionError, MemoryError, OverflowError, ValueError) as error:
        raise InvalidInput(f"The condition is too deep or has a number that is too large. {_FORM}") from error


def _parsed(where: str) -> ast.expr:
    if len(where) > LONGEST:
        raise InvalidInput(f"The condition has {len(where)} characters; at most {LONGEST} are read. {_FORM}")
    try:
        # A column may be called class, which Python keeps for itself.
        return ast.parse(re.sub(r"\bclass\b", _CLASS, where.strip()), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise InvalidInput(
            f"The condition '{where}' is not complete or has a sign too many. {_FORM}"
        ) from error


class _Query:
    def __init__(self, table: Table, unit: str, distance_to: DistanceTo | None) -> None:
        self._table, self._unit, self._distance_to = table, unit, distance_to

    def run(self, where: str) -> Bools:
        return self._condition(_parsed(where))

    def _condition(self, node: ast.expr) -> Bools:
        match node:
            case ast.BoolOp(op=ast.And(), values=parts):
                return np.asarray(np.logical_and.reduce([self._condition(part) for part in parts]))
            case ast.BoolOp(op=ast.Or(), values=parts):
                return np.asarray(np.logical_or.reduce([self._condition(part) for part in parts]))
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return ~self._condition(part)
            case ast.Compare(left=left, ops=signs, comparators=others):
                return self._compared(left, signs, others)
            case ast.Call(func=ast.Name(id="within")):
                return self._within(node)
        raise InvalidInput(
            f"'{ast.unparse(node)}' is no condition that is true or false; compare it with something. {_FORM}"
        )

    def _compared(self, left: ast.expr, signs: list[ast.cmpop], others: list[ast.expr]) -> Bools:
        values = [self._number(part) for part in (left, *others)]
        fulfilled = np.ones(len(self._table), bool)
        for sign, one, other in zip(signs, values, values[1:], strict=False):
            if type(sign) not in _COMPARISONS:
                raise InvalidInput(f"Only <, <=, >, >=, == and != compare. {_FORM}")
            fulfilled &= np.ma.filled(_COMPARISONS[type(sign)](one, other), False)
        return fulfilled

    def _number(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                _check_size(value)
                return value
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=ast.Constant(value=int() | float())):
                value = self._number(node.operand)
                return -value if isinstance(sign, ast.USub) else value
            case ast.Name(id=name):
                name = "class" if name == _CLASS else name
                if name in self._table.columns:
                    return self._table[name]
                raise InvalidInput(
                    f"There is no column '{name}'. The columns are {', '.join(self._table.names)}."
                )
            case ast.Call(func=ast.Name(id=name)) if name == f"distance_to_{self._unit}":
                return self._distance(node)
            case ast.Call(func=ast.Name(id="distance_to_nm")):
                raise InvalidInput(
                    "The voxel size is not known, so that there are no nanometres: write distance_to_px(ID), "
                    "or say the voxel size."
                )
        raise InvalidInput(
            f"'{ast.unparse(node)}' is neither a number nor a column. The columns are "
            f"{', '.join(self._table.names)}; there are also within(z0, y0, x0, z1, y1, x1) and "
            f"distance_to_{self._unit}(ID)."
        )

    def _distance(self, node: ast.Call) -> npt.NDArray[np.number]:
        wanted = _whole(node)
        if len(wanted) != 1 or self._distance_to is None:
            raise InvalidInput(
                f"'{ast.unparse(node)}' needs the id of one object, such as distance_to_{self._unit}(7)."
            )
        return self._distance_to(wanted[0])

    def _within(self, node: ast.Call) -> Bools:
        axes = [name for name in "zyx" if f"low_{name}_px" in self._table.columns]
        wanted = _whole(node)
        if len(wanted) != 2 * len(axes):
            raise InvalidInput(
                f"'{ast.unparse(node)}' needs {2 * len(axes)} whole numbers: the first voxel along "
                f"{', '.join(axes)}, then the one behind the last."
            )
        low, high = wanted[: len(axes)], wanted[len(axes) :]
        begins = [self._table[f"low_{name}_px"] >= start for name, start in zip(axes, low, strict=True)]
        ends = [self._table[f"high_{name}_px"] <= stop for name, stop in zip(axes, high, strict=True)]
        return np.asarray(np.logical_and.reduce(begins + ends))


def _whole(call: ast.Call) -> list[int]:
    """Return the arguments of a call, whole numbers all of them."""
    numbers = [node.value for node in call.args if isinstance(node, ast.Constant)]
    whole = [number for number in numbers if isinstance(number, int) and not isinstance(number, bool)]
    if call.keywords or len(whole) != len(call.args):
        raise InvalidInput(f"'{ast.unparse(call)}' takes whole numbers from 0 on only.")
    for number in whole:
        _check_size(number)
    return whole


def _check_size(number: float) -> None:
    if isinstance(number, float) and not math.isfinite(number):
        raise InvalidInput(
            "The condition has a number that is too large: numbers go up to 1.8e308. Write amounts like 1e30."
        )
    if isinstance(number, int) and number > LARGEST_NUMBER:
        told = f"{str(number)[:20]}... ({len(str(number))} digits)"
        raise InvalidInput(
            f"The whole number {told} is larger than 2^64, and so is no id and no amount of voxels. Write "
            "large amounts like 1e30."
        )
