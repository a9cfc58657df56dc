"""Which value of a label image is which class."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cristae.errors import InvalidInput
from cristae.volumes import LabelClass

LARGEST_GAP = 20
"""Values farther apart than this are not one list of classes: one is a mask value, a mark or a mistake."""

MOST_CLASSES = 254
"""Training targets are 8-bit numbers, and 255 means unknown."""

MOST_UNLISTED = 64
"""More values than this without a class table are grey values or ids of objects, not kinds of things."""


@dataclass(frozen=True)
class Numbering:
    """Class numbers for the values of a label image.

    Attributes
    ----------
    class_of_value
        Class number (0 background, 1...n) of every value that may occur; without the unknown value.
    classes
        The table of the classes 1...n, without a gap.
    sentences, warnings
        What a person should know about it.
    """

    class_of_value: Mapping[int, int]
    classes: tuple[LabelClass, ...]
    sentences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def number_classes(
    values: Iterable[int],
    *,
    table: Sequence[LabelClass] = (),
    unknown: int | None = None,
    background: int | None = None,
    what: str = "labels",
    may_be_unknown: bool = True,
) -> Numbering:
    """Give every label value its class number, or refuse.

    0 is background, and a value keeps its number: a class that the person calls 3 is 3 in the result too, and
    numbers that are skipped become classes without voxels: with a warning, unless it is the unknown value.
    There are two exceptions, which the sentences tell. A mask with one value beyond 20 (0 and 255) has one
    class, 1. And where the person listed the classes in a table with gaps of more than 20, or drew the
    background as a class, the classes are numbered in rising order.

    Parameters
    ----------
    values
        The labelled values that occur, without 0 and without the unknown value.
    table
        The person's class table. If given, only listed values are legal; one named "background" is the
        background.
    unknown
        The value of unknown voxels; may be 0 (strokes).
    background
        The value that the person drew as background, if the table does not name it.
    what
        What the image is called in sentences.
    may_be_unknown
        Whether a value can be named as unknown here, which is an advice then.

    Raises
    ------
    InvalidInput
        For a gap of more than 20 without a table, values missing in the table, and tables that contradict
        themselves.

    Examples
    --------
    >>> number_classes([255]).class_of_value
    {0: 0, 255: 1}
    >>> [c.name for c in number_classes([1, 3]).classes]
    ['class 1', 'unused 2', 'class 3']
    >>> [c.name for c in number_classes([1, 3], unknown=2).classes]
    ['class 1', 'unknown 2', 'class 3']
    """
    present = sorted(set(values) - {0})
    listed, background = _checked_table(table, unknown, background)
    sentences: list[str] = []
    warnings: list[str] = []
    foreground = [value for value in present if value != background]
    class_of_value = {} if unknown == 0 else {0: 0}
    if background is not None and background != 0:
        class_of_value[background] = 0
        sentences.append(f"The value {background} is the background.")

    if (
        len(listed) == 1
        and len(foreground) == 1
        and foreground[0] > LARGEST_GAP
        and foreground[0] not in listed
    ):
        # A 0/255 mask beside a table that only gives the name: the one value is the one class.
        listed = {foreground[0]: listed.popitem()[1]}
    if listed:
        stray = [value for value in foreground if value not in listed]
        if stray:
            raise InvalidInput(
                f"The {what} contain {_spell(stray)}, but the classes that were named are "
                f"{_named(listed.values())}. Name {'it as a class' if len(stray) == 1 else 'them as classes'}"
                f" too, or name {stray[-1]} as the unknown value."
            )
        numbered = sorted(listed)
        warnings += [
            f"No voxel of the {what} carries the class {listed[value].name!r} ({value})."
            for value in numbered
            if value not in foreground
        ]
    else:
        numbered = foreground
        if len(numbered) > MOST_UNLISTED:
            raise InvalidInput(
                f"The {what} have {len(numbered)} different values, too many to be classes. If each value is "
                "one object, choose instances; if this is the image, choose its labels; if they are classes, "
                "name them all (1=NAME,2=NAME,...)."
            )
        if len(numbered) > 1:
            _refuse_gaps(numbered, what, may_be_unknown=may_be_unknown)

    gaps = [high - low for low, high in zip([0, *numbered], numbered, strict=False)]
    dense = background not in (None, 0) or any(gap > LARGEST_GAP for gap in gaps)
    number_of = {value: number if dense else value for number, value in enumerate(numbered, 1)}
    _refuse_too_many(number_of, what)
    class_of_value |= number_of

    value_of = {number: value for value, number in number_of.items()}
    classes = tuple(
        _class(number, value_of.get(number), listed, unknown)
        for number in range(1, max(value_of, default=0) + 1)
    )
    changed = [_number_told(classes[n - 1], value) for value, n in number_of.items() if value != n]
    if changed:
        sentences.append(f"Class numbers in results: {', '.join(changed)}.")
    holes = [n for n in range(1, len(classes) + 1) if n not in value_of and n != unknown]
    if holes:
        warnings.append(skipped_told(holes, what))
    if not listed and len(numbered) > LARGEST_GAP:
        warnings.append(
            f"The {what} have {len(numbered)} classes. If the values are ids of objects, choose the target "
            f"instances."
        )
    return Numbering(class_of_value, classes, tuple(sentences), tuple(warnings))


def skipped_told(numbers: Sequence[int], what: str = "labels") -> str:
    """Warn of the class numbers that no value has.

    Examples
    --------
    >>> skipped_told([2])
    'The labels skip the value 2: kept as a class without voxels, so that every class keeps its number.'
    """
    kept = "a class" if len(numbers) == 1 else "classes"
    return (
        f"The {what} skip {_spell(numbers)}: kept as {kept} without voxels, so that every class keeps its "
        "number."
    )


def _checked_table(
    table: Sequence[LabelClass], unknown: int | None, background: int | None
) -> tuple[dict[int, LabelClass], int | None]:
    """Return the foreground classes by value, and the value of the background class, if one is drawn."""
    listed: dict[int, LabelClass] = {}
    names: dict[str, int] = {}
    for entry in table:
        name = entry.name.strip().lower()
        if entry.value in listed:
            raise InvalidInput(f"The class table lists the value {entry.value} twice.")
        if name and name in names:
            raise InvalidInput(
                f"The class table has two classes named {entry.name!r} ({names[name]} and {entry.value}). "
                "Give each its own name."
            )
        if entry.value < 0:
            raise InvalidInput(f"The class {entry.name!r} has the value {entry.value}; classes count from 1.")
        if entry.value == unknown:
            raise InvalidInput(
                f"The value {entry.value} is both the class {entry.name!r} and unknown. Decide for one of "
                f"them."
            )
        listed[entry.value] = entry
        names[name] = entry.value
    named = names.get("background")
    if named is not None and background is not None and named != background:
        raise InvalidInput(
            f"The background is {named} by its name, but {background} was given. Decide for one of them."
        )
    background = named if background is None else background
    if background is not None and background == unknown:
        raise InvalidInput(f"The value {background} cannot be both background and unknown.")
    if background is not None:
        listed.pop(background, None)
    if 0 in listed:
        raise InvalidInput(
            f"The value 0 is always background, but the class table calls it {listed[0].name!r}."
        )
    return listed, background


def _refuse_gaps(values: list[int], what: str, *, may_be_unknown: bool) -> None:
    for low, high in zip([0, *values], values, strict=False):
        if high - low > LARGEST_GAP:
            odd = high if low else values[-1]
            smaller = [value for value in values if value != odd]
            advice = (
                f"Name {odd} as the unknown value, name all values as classes"
                if may_be_unknown
                else "Name all values as classes of the truth"
            )
            raise InvalidInput(
                f"The {what} contain the value {odd} beside {_spell(smaller)}: is it a class, or a mark for "
                f"voxels that nobody knows? {advice} ({_listed(values)}), or change it. If each value is one "
                "object, choose instances."
            )


def _refuse_too_many(number_of: dict[int, int], what: str) -> None:
    if max(number_of.values(), default=0) > MOST_CLASSES:
        raise InvalidInput(
            f"The {what} have class values up to {max(number_of)}, but at most {MOST_CLASSES} classes are "
            "possible. If each value is one object, choose instances."
        )


def _class(
    number: int, value: int | None, listed: Mapping[int, LabelClass], unknown: int | None
) -> LabelClass:
    if value is None:  # outputs are counted by their numbers
        return LabelClass(number, f"{'unknown' if number == unknown else 'unused'} {number}", 0)
    entry = listed.get(value)
    return LabelClass(
        number, (entry.name.strip() if entry else "") or f"class {number}", entry.rgb if entry else 0
    )


def _number_told(entry: LabelClass, value: int) -> str:
    name = "" if entry.name == f"class {entry.value}" else f" {entry.name!r}"
    return f"{entry.value}{name} is the value {value}"


def _listed(values: Sequence[int]) -> str:
    """Write the values as they are named as classes, with names to fill in."""
    shown = [f"{value}=NAME" for value in values[:4]]
    return ",".join([*shown, "..."] if len(values) > 4 else shown)


def _named(classes: Iterable[LabelClass]) -> str:
    return ", ".join(f"{one.value} {one.name!r}" for one in classes)


def _spell(values: Sequence[int]) -> str:
    if len(values) == 1:
        return f"the value {values[0]}"
    shown = [str(value) for value in values[:8]]
    if len(values) > 8:
        return f"the values {', '.join(shown)} and {len(values) - 8} more"
    return f"the values {', '.join(shown[:-1])} and {shown[-1]}"
