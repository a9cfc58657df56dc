"""Which value is which class: the cases of "Labels, exactly", one by one."""

# ruff: noqa: E501 -- tables read best with one case a line

import pytest

from cristae.errors import InvalidInput
from cristae.labels import number_classes
from cristae.volumes import LabelClass

MITO = LabelClass(1, "mitochondria", 0xFF0000)


def table(**value_of: int) -> list[LabelClass]:
    return [LabelClass(value, name) for name, value in value_of.items()]


# fmt: off
LEGAL = [
    # values,      keywords,                                        class of value,               names of 1...n
    ([],           {},                                              {0: 0},                       []),
    ([1],          {},                                              {0: 0, 1: 1},                 ["class 1"]),
    ([255],        {},                                              {0: 0, 255: 1},               ["class 1"]),
    ([128],        {},                                              {0: 0, 128: 1},               ["class 1"]),
    ([21],         {},                                              {0: 0, 21: 1},                ["class 1"]),
    ([2],          {},                                              {0: 0, 2: 2},                 ["unused 1", "class 2"]),
    ([1, 2, 3],    {},                                              {0: 0, 1: 1, 2: 2, 3: 3},     ["class 1", "class 2", "class 3"]),
    ([1, 3],       {},                                              {0: 0, 1: 1, 3: 3},           ["class 1", "unused 2", "class 3"]),
    ([1, 3],       {"unknown": 2},                                  {0: 0, 1: 1, 3: 3},           ["class 1", "unknown 2", "class 3"]),
    ([1, 5],       {"unknown": 4},                                  {0: 0, 1: 1, 5: 5},           ["class 1", "unused 2", "unused 3", "unknown 4", "class 5"]),
    ([255],        {"table": [MITO]},                               {0: 0, 255: 1},               ["mitochondria"]),
    ([1, 255],     {"table": table(er=1, mito=255)},                {0: 0, 1: 1, 255: 2},         ["er", "mito"]),
    ([7, 1000],    {"table": table(er=1000, mito=7)},               {0: 0, 7: 1, 1000: 2},        ["mito", "er"]),
    ([1],          {"table": table(er=1, mito=2)},                  {0: 0, 1: 1, 2: 2},           ["er", "mito"]),
    ([1, 2],       {"table": table(zero=1, mito=2), "unknown": 0},  {1: 1, 2: 2},                 ["zero", "mito"]),
    ([1, 2],       {"table": table(Background=1, mito=2), "unknown": 0}, {1: 0, 2: 1},            ["mito"]),
    ([1, 2, 3],    {"table": table(a=1, background=2, b=3), "unknown": 0}, {1: 1, 2: 0, 3: 2},    ["a", "b"]),
    ([1, 2],       {"background": 1, "unknown": 0},                 {1: 0, 2: 1},                 ["class 1"]),
    ([1, 2],       {"unknown": 0},                                  {1: 1, 2: 2},                 ["class 1", "class 2"]),
    ([1, 2],       {"table": table(background=0, a=1, b=2)},        {0: 0, 1: 1, 2: 2},           ["a", "b"]),
]
REFUSED = [
    # values,      keywords,                                        words of the sentence
    ([1, 255],     {},                                              ["value 255", "Name 255 as the unknown value", "(1=NAME,255=NAME)"]),
    ([1, 2, 255],  {},                                              ["value 255", "values 1 and 2", "Name 255 as the unknown"]),
    ([1, 22],      {},                                              ["value 22", "value 1"]),
    ([127, 255],   {},                                              ["255", "127"]),
    (range(1, 66), {},                                              ["65 different values", "instances", "(1=NAME,2=NAME,...)"]),
    (range(1, 300), {"table": [LabelClass(n, f"c{n}") for n in range(1, 300)]}, ["254", "instances"]),
    ([1, 9],       {"table": table(er=1)},                          ["value 9", "classes that were named"]),
    ([1, 255],     {"table": [MITO]},                               ["value 255", "classes that were named"]),
    ([1],          {"table": [*table(er=1), *table(mito=1)]},       ["1 twice"]),
    ([1],          {"table": [MITO, LabelClass(2, " Mitochondria")]}, ["two classes", "1 and 2"]),
    ([1],          {"table": table(er=1, odd=9), "unknown": 9},     ["9", "odd", "unknown"]),
    ([1],          {"table": table(ground=0, er=1)},                ["0 is always background", "ground"]),
    ([1, 2],       {"table": table(background=1, a=2), "background": 2}, ["background is 1", "2 was given"]),
    ([1, 2],       {"background": 0, "unknown": 0},                 ["both background and unknown"]),
]
# fmt: on


@pytest.mark.parametrize(("values", "keywords", "class_of_value", "names"), LEGAL)
def test_a_value_means_the_class_that_the_rules_say(values, keywords, class_of_value, names):
    numbering = number_classes(values, **keywords)
    assert dict(numbering.class_of_value) == class_of_value
    assert [entry.name for entry in numbering.classes] == names
    assert [entry.value for entry in numbering.classes] == list(range(1, len(names) + 1))


@pytest.mark.parametrize(("values", "keywords", "words"), REFUSED)
def test_an_unclear_value_is_refused_with_advice(values, keywords, words):
    with pytest.raises(InvalidInput) as refusal:
        number_classes(values, **keywords)
    for word in words:
        assert word in refusal.value.sentence


def test_the_unknown_value_beside_classes_is_legal_once_it_is_named():
    # The scan leaves unknown voxels out, so 255 is not among the values any more.
    assert number_classes([1, 2], unknown=255).class_of_value == {0: 0, 1: 1, 2: 2}


def test_a_gap_of_exactly_twenty_is_still_one_list_of_classes():
    assert len(number_classes([1, 21]).classes) == 21


def test_names_and_colours_travel_to_the_new_numbers():
    numbering = number_classes([255], table=[MITO])
    assert numbering.classes == (LabelClass(1, "mitochondria", 0xFF0000),)
    assert numbering.sentences == ("Class numbers in results: 1 'mitochondria' is the value 255.",)


def test_the_person_is_told_about_listed_classes_that_nobody_drew():
    assert "'mito' (2)" in number_classes([1], table=table(er=1, mito=2)).warnings[0]


def test_the_person_is_told_about_skipped_numbers():
    assert "the value 2" in number_classes([1, 3]).warnings[0]


def test_the_unknown_value_is_not_told_as_skipped():
    assert number_classes([1, 3], unknown=2).warnings == ()
    assert number_classes([1, 5], unknown=4).warnings == (
        "The labels skip the values 2 and 3: kept as classes without voxels, so that every class keeps its number.",
    )


def test_many_classes_look_like_objects():
    assert "instances" in number_classes(range(1, 60)).warnings[0]


def test_the_person_is_told_which_value_is_the_background():
    sentences = number_classes([1, 2], table=table(background=1, mito=2), unknown=0).sentences
    assert sentences == (
        "The value 1 is the background.",
        "Class numbers in results: 1 'mito' is the value 2.",
    )
