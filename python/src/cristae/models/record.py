"""The record of a model, model.json: written canonically, and believed only after a check of every field."""

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from cristae.errors import CorruptData, Unsupported

SCHEMA = 1
MAX_RECORD_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 16
TARGETS = ("classes", "masks", "instances")
MAX_TEXT = 120
MAX_CHANNELS = 1024
MAX_CLASSES = 254
FARTHEST = 64
"""Voxels between those of a pair."""
MOST_OF_A_SIDE = 1000

_OWN_DIGEST = "record_sha256"


def encode_record(record: Mapping[str, Any]) -> bytes:
    """Return the bytes of model.json; the same record always gives the same bytes.

    Raises
    ------
    CorruptData
        If the record lacks something; a model that could not be read back is never written.
    """
    plain = check_record(json.loads(json.dumps(dict(record), allow_nan=False)))
    return _canonical({**plain, _OWN_DIGEST: _digest(plain)})


def decode_record(data: bytes) -> dict[str, Any]:
    """Return the record in the bytes of a model.json.

    Raises
    ------
    CorruptData
        If it is not what :func:`encode_record` wrote.
    Unsupported
        If a newer Cristae wrote it.
    """
    if len(data) > MAX_RECORD_BYTES:
        raise CorruptData(f"The model's model.json is larger than {MAX_RECORD_BYTES} bytes: not read.")
    try:
        record = json.loads(data, parse_constant=_refuse_constant, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as problem:
        raise CorruptData("The model's model.json is not valid JSON. Copy the package again.") from problem
    _check_depth(record, MAX_DEPTH)
    if not isinstance(record, dict):
        raise CorruptData("The model's model.json is not a JSON object. Copy the package again.")
    check_schema(record)
    if record.pop(_OWN_DIGEST, None) != _digest(record):
        raise CorruptData(
            "The model's model.json was changed after it was written: its digest differs. Copy the package "
            "again."
        )
    return check_record(record)


def check_schema(record: Mapping[str, Any]) -> None:
    """Refuse a record that a newer Cristae wrote, whatever else is in it."""
    schema = record.get("schema")
    if type(schema) is int and schema > SCHEMA:
        raise Unsupported(
            f"The model was made by a newer Cristae (package format {schema}; this one reads up to "
            f"{SCHEMA}). "
            "Update Cristae to use it."
        )


def check_record(record: object) -> dict[str, Any]:
    """Return the record if every field is there and has the right type and range.

    Fields that this version does not know are kept.

    Raises
    ------
    CorruptData
        Naming the field, what it is and what it should be.
    Unsupported
        If a newer Cristae wrote it.
    """
    if not isinstance(record, dict):
        raise CorruptData("The model's record is not a JSON object. Copy the package again.")
    check_schema(record)
    for field, (fits, expected) in (_FIELDS | _OPTIONAL).items():
        if field not in record:
            if field in _OPTIONAL:
                continue
            raise CorruptData(f"The model's record lacks {field!r} ({expected}).")
        if not fits(record[field]):
            found = repr(record[field])
            shown = found if len(found) <= 60 else f"{found[:60]}..."
            raise CorruptData(f"The model's record has {field!r} = {shown}; expected {expected}.")
    if not _are_offsets(record):
        raise CorruptData(
            "The model's record has 'offsets_zyx' that do not fit; expected, for a model of instances, three "
            "whole numbers for each class but the first, one of them from -64 to -1 and the others 0."
        )
    return record


def _is_int(value: object, low: int, high: int = 2**63 - 1) -> bool:
    return type(value) is int and low <= value <= high


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def _is_length(value: object) -> bool:
    return _is_number(value) and value > 0  # type: ignore[operator]


def _is_proportion(value: object) -> bool:
    return _is_number(value) and 1 <= value <= MOST_OF_A_SIDE  # type: ignore[operator]


def _is_text(value: object, most: int = MAX_TEXT) -> bool:
    return isinstance(value, str) and len(value) <= most


def _is_list(value: object, fits: Callable[[object], bool], length: int | None = None) -> bool:
    return isinstance(value, list) and length in (None, len(value)) and all(map(fits, value))


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _is_class_table(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_CLASSES
        and all(
            isinstance(entry, dict)
            and _is_int(entry.get("value"), number, number)
            and _is_text(entry.get("name"))
            and _is_int(entry.get("rgb"), 0, 0xFFFFFF)
            for number, entry in enumerate(value, 1)
        )
    )


def _is_plan(value: object) -> bool:
    return (
        isinstance(value, dict)
        and _is_list(value.get("sentences"), lambda sentence: _is_text(sentence, 10_000))
        and isinstance(value.get("settings"), dict)
    )


def _is_working_voxel(value: object) -> bool:
    return isinstance(value, dict) and _is_list(
        value.get("downsample_zyx"), lambda factor: _is_int(factor, 1, 1024), 3
    )


def _are_offsets(record: Mapping[str, Any]) -> bool:
    """Tell whether the pairs of voxels are missing, or those that the classes stand for."""
    if "offsets_zyx" not in record:
        return True
    offsets = record["offsets_zyx"]
    return (
        record["target"] == "instances"
        and _is_list(offsets, lambda o: _is_list(o, lambda n: _is_int(n, -FARTHEST, 0), 3))
        and 0 < len(offsets) == len(record["classes"]) - 1
        and all(sum(step != 0 for step in offset) == 1 for offset in offsets)
    )


def _is_metrics(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_number, value.values()))


_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "schema": (lambda v: _is_int(v, SCHEMA, SCHEMA), f"the package format, {SCHEMA}"),
    "name": (lambda v: _is_text(v) and v != "", f"a name of at most {MAX_TEXT} characters"),
    "created_s": (lambda v: _is_number(v) and 0 <= v < 1e11, "seconds since 1970"),
    "cristae_version": (_is_text, "the version of Cristae that made it"),
    "target": (lambda v: v in TARGETS, f"one of {', '.join(TARGETS)}"),
    "classes": (_is_class_table, "a list of classes with value (1, 2, ...), name and rgb"),
    "channels": (lambda v: _is_int(v, 1, MAX_CHANNELS), f"a number of channels from 1 to {MAX_CHANNELS}"),
    "voxel_size_nm": (
        lambda v: v is None or _is_list(v, _is_length, 3),
        "three lengths in nm (z, y, x), or null",
    ),
    "display_unit": (lambda v: _is_text(v, 32), "a unit of length"),
    "working_voxel": (_is_working_voxel, "the scaling before the network, downsample_zyx"),
    "network": (lambda v: isinstance(v, dict), "the network's settings"),
    "preprocessing": (lambda v: isinstance(v, dict), "the way from grey values to the network's input"),
    "plan": (_is_plan, "the plan with sentences and settings"),
    "metrics": (_is_metrics, "numbers by name"),
    "halo_zyx": (
        lambda v: _is_list(v, lambda n: _is_int(n, 0, 1 << 20), 3),
        "three numbers of voxels (z, y, x)",
    ),
    "data": (
        lambda v: _is_list(v, lambda pair: isinstance(pair, dict)),
        "a list of the digests of the training data",
    ),
    "weights_sha256": (_is_digest, "64 lower-case hex digits"),
    "outputs": (lambda v: _is_list(v, _is_text), "a list of names"),
    "job_id": (lambda v: v is None or _is_text(v), "the id of a job, or null"),
}


def _is_decoder(value: object) -> bool:
    return (
        isinstance(value, dict)
        and _is_number(value.get("merge_below"))
        and 0 <= value["merge_below"] <= 1
        and _is_text(value.get("reason"), 10_000)
    )


_OPTIONAL: dict[str, tuple[Callable[[Any], bool], str]] = {
    "decoder": (
        lambda v: v is None or _is_decoder(v),
        "what objects are made with, merge_below from 0 to 1, or null",
    ),
    "estimated_proportions_zyx": (
        lambda v: _is_list(v, _is_proportion, 3),
        f"the sides of a voxel (z, y, x) by the shortest one, from 1 to {MOST_OF_A_SIDE}",
    ),
}
"""What older records lack. The proportions are there only where no voxel size was known: they were estimated
for objects, and say nothing of nanometres."""


def _canonical(record: Mapping[str, Any]) -> bytes:
    text = json.dumps(record, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def _digest(record: Mapping[str, Any]) -> str:
    try:
        return hashlib.sha256(_canonical(record)).hexdigest()
    except (ValueError, RecursionError) as problem:  # lone surrogates cannot be encoded
        raise CorruptData("The model's model.json holds broken text. Copy the package again.") from problem


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def _check_depth(value: object, left: int) -> None:
    if left == 0:
        raise CorruptData(f"The model's model.json is nested more than {MAX_DEPTH} deep, so it is not read.")
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            _check_depth(member, left - 1)
