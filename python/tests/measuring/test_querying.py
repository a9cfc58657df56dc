"""Conditions: what they mean, and that nothing else is taken from them."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cristae.errors import InvalidInput
from cristae.measuring import Table, chosen_by

TABLE = Table(
    {
        "id": np.array([1, 2, 2**63 - 1]),
        "volume_nm3": np.array([10.0, 2e6, 3e6]),
        "axis_1_x": np.ma.MaskedArray([0.5, 0, -0.5], [False, True, False]),
        "low_z_px": np.array([0, 1, 5]),
        "high_z_px": np.array([2, 3, 9]),
        "low_y_px": np.array([0, 0, 0]),
        "high_y_px": np.array([4, 4, 4]),
        "low_x_px": np.array([0, 2, 4]),
        "high_x_px": np.array([2, 4, 6]),
        "touches_border": np.array([1, 0, 1]),
        "class": np.array([2, 1, 1]),
    }
)


@pytest.mark.parametrize(
    ("where", "chosen"),
    [
        ("volume_nm3 > 1e6", [False, True, True]),
        ("volume_nm3 > 1e6 and touches_border == 0", [False, True, False]),
        ("volume_nm3 > 1e6 or touches_border != 0", [True, True, True]),
        ("not (volume_nm3 > 1e6)", [True, False, False]),
        ("1 < id <= 9223372036854775807", [False, True, True]),
        ("id == 9223372036854775807", [False, False, True]),
        ("id < 18446744073709551616", [True, True, True]),
        ("axis_1_x < 18446744073709551616 and low_z_px > -18446744073709551616", [True, False, True]),
        ("within(0, 0, 0, 18446744073709551616, 4, 4)", [True, True, False]),
        ("axis_1_x > -1", [True, False, True]),
        ("axis_1_x < -0.25", [False, False, True]),
        ("axis_1_x <= 1 or axis_1_x > 1", [True, False, True]),
        ("within(0, 0, 0, 3, 4, 4)", [True, True, False]),
        ("within(0, 0, 0, 2, 4, 2) or id == 2", [True, True, False]),
        ("2 < 1", [False, False, False]),
        ("  id == 2  ", [False, True, False]),
        ("class == 1 and not id == 2", [False, False, True]),
        ("distance_to_nm(2) < 500", [True, True, False]),
    ],
)
def test_a_condition_chooses_these_objects(where, chosen):
    distance = {2: np.array([499.0, 0, 500])}
    assert chosen_by(where, TABLE, distance_to=distance.__getitem__).tolist() == chosen


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("", "is not complete"),
        ("volume_nm3 >", "is not complete"),
        ("volume_nm3 = 3", "is not complete"),
        ("volume > 3", "There is no column 'volume'. The columns are id, volume_nm3"),
        ("volume_nm3", "is no condition"),
        ("volume_nm3 + 1 > 3", "neither a number nor a column. The columns are id"),
        ("volume_nm3 > 'a'", "neither a number nor a column"),
        ("volume_nm3 > True", "neither a number nor a column"),
        ("id in id", "Only <, <=, >, >=, == and != compare"),
        ("volume_nm3.real > 1", "neither a number nor a column"),
        ("__import__('os').system('true') == 0", "neither a number nor a column"),
        ("(lambda: 1)() == 1", "neither a number nor a column"),
        ("within(1, 2)", "needs 6 whole numbers"),
        ("within(1, 2, 3, 4, 5, id)", "takes whole numbers"),
        ("within(0, 0, 0, 2, 4, x=2)", "takes whole numbers"),
        ("distance_to_nm() < 3", "needs the id of one object"),
        ("distance_to_px(2) < 3", "neither a number nor a column"),
        ("id == 1; id", "is not complete"),
        ("id == 1" + " and id == 1" * 200, "at most 1000 are read"),
        ("(" * 900, "is not complete"),
        ("id\x00 == 1", "is not complete"),
        ("a" + ".a" * 490, "."),
        ("1" + "+1" * 490, "."),
        ("-" * 990 + "1", "."),
        ("id > " + "-" * 990 + "1", "."),
        ("not " * 245 + "id", "."),
        ("id > 1" + "0" * 400, "larger than 2^64"),
        ("volume_nm3 > -1" + "0" * 400, "larger than 2^64"),
        ("volume_nm3 > 1e400", "numbers go up to 1.8e308"),
        ("volume_nm3 > -1e400", "numbers go up to 1.8e308"),
        ("id == 18446744073709551617", "(20 digits) is larger than 2^64"),
        ("within(0, 0, 0, 1, 1, 1" + "0" * 400 + ")", "larger than 2^64"),
        ("distance_to_nm(1" + "0" * 400 + ") < 3", "larger than 2^64"),
    ],
)
def test_what_is_no_condition_is_refused_in_a_sentence(where, sentence):
    with pytest.raises(InvalidInput, match=re.escape(sentence)):
        chosen_by(where, TABLE, distance_to=lambda object_id: TABLE["volume_nm3"])


def test_without_distances_none_can_be_asked_for():
    with pytest.raises(InvalidInput, match="needs the id of one object"):
        chosen_by("distance_to_nm(5) < 3", TABLE)


def test_the_columns_of_a_section_have_a_box_of_four_numbers():
    flat = Table({name: TABLE[name] for name in TABLE.names if "_z_" not in name})
    assert chosen_by("within(0, 2, 4, 6)", flat).tolist() == [False, True, True]
    with pytest.raises(InvalidInput, match="needs 4 whole numbers: the first voxel along y, x"):
        chosen_by("within(0, 0, 0, 3, 4, 4)", flat)


@settings(max_examples=50)
@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_refused_in_a_sentence(text):
    told = None
    try:
        chosen = chosen_by(text, TABLE)
    except InvalidInput as refused:
        told = refused.sentence
    assert chosen.dtype == bool if told is None else told.endswith(".")
