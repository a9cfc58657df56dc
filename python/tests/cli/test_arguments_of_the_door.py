"""Arguments of a wrong kind are sentences that name them, whatever function of `import cristae` gets them."""

import numpy as np
import pytest
import tifffile

import cristae
from cristae.errors import CristaeError, InvalidInput
from cristae.volumes import LabelClass

STACK = np.zeros((2, 16, 16), np.uint8)
LABELS = np.ones((2, 16, 16), np.uint8)
WRONG = {
    "model": [None, 3, b"mito", ["mito"]],
    "also": [None, 3, "more.tif", [("more.tif",)], [("a", "b", "c")]],
    "target": [None, "class", 1, ["classes"]],
    "unknown": ["255", 2.5, True, [255]],
    "empty_sections": [None, "yes", 0],
    "classes": [None, 3, "er", [1, 2], {"er": 1}, {1: 2}, [None]],
    "budget": ["slow", 3, ["quick"]],
    "minutes": ["2", True, [2], None.__class__, 0, 1e-9, -1, 1e9, float("nan"), float("inf")],
    "steps": ["600", 1.5, True, 0, -1, 10**12, float("nan")],
    "z": [3, "0:8", (0,), (0, 1, 2), (0.5, 1), ("0", "8"), (None, 2)],
    "validation_z": [3, "0:8", (0,), (0.5, 1)],
    "voxel_size_nm": [50, "50,4,4", (50, 4), ("50", "4", "4"), (50, 4, float("nan")), (50, 4, 0)],
    "start_from": [3, ["mito"], b"mito"],
    "settings": ["batch=4", ["batch"], {4: "batch"}],
    "seed": [None, "1", 1.5],
    "device": [None, 0, "gpu"],
    "kind": ["label", 1],
    "combine": [3, "average", ["mean"]],
    "engine": [None, 1, "tensorrt"],
    "flips": [None, "yes", 1],
    "overwrite": [None, "yes", 1],
    "out": [3, b"out.tif", ["out.tif"]],
    "home": [3, ["home"]],
    "on_event": [None, "print"],
    "should_stop": [None, True],
    "distances": [None, "yes", 1],
    "probabilities": [None, "yes", 1],
    "pairs": [None, "yes", 1],
    "report": [None, 3, b"scores.csv", [3]],
}
PREDICT = ["model", "combine", "kind", "engine", "device", "flips", "voxel_size_nm", "overwrite"]
PREDICT += ["out", "home", "on_event", "should_stop"]
EVALUATE = ["target", "classes", "unknown", "empty_sections", "z", "on_event", "voxel_size_nm", "overwrite"]
EVALUATE += ["distances", "probabilities", "pairs", "report", "also"]
OTHERS = {"kind", "combine", "engine", "flips", "overwrite", "out"}
OTHERS |= {"distances", "probabilities", "pairs", "report"}
TRAIN = [name for name in WRONG if name not in OTHERS]


def train(**given):
    cristae.train(STACK, LABELS, **{"model": "m"} | given)


def predict(**given):
    cristae.predict(STACK, **{"model": "m"} | given)


def evaluate(**given):
    cristae.evaluate(LABELS, LABELS, **given)


CASES = [
    pytest.param(call, name, wrong, id=f"{call.__name__}-{name}-{wrong!r}"[:60])
    for call, names in ((train, TRAIN), (predict, PREDICT), (evaluate, EVALUATE))
    for name in names
    for wrong in WRONG[name]
]


@pytest.mark.parametrize(("call", "name", "wrong"), CASES)
def test_a_wrong_argument_is_refused_in_a_sentence(call, name, wrong, tmp_path):
    given = {name: wrong} if call is evaluate else {"home": tmp_path, name: wrong}
    with pytest.raises(CristaeError) as caught:
        call(**given)
    assert caught.value.sentence.endswith(".")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"minutes": "2"}, "The argument minutes is '2'; give a number such as 2.5."),
        ({"model": None}, "The argument model is None; give a name such as 'mito'."),
        ({"z": "0:8"}, "The argument z is '0:8'; give two whole numbers such as (0, 8)."),
        ({"seed": None}, "The argument seed is None; give a whole number such as 3."),
    ],
)
def test_the_sentence_says_what_was_found_and_what_is_expected(given, sentence, tmp_path):
    with pytest.raises(InvalidInput) as caught:
        train(**given, home=tmp_path)
    assert caught.value.sentence == sentence


def test_numbers_of_numpy_and_lists_are_as_good_as_those_of_python(tmp_path):
    generator = np.random.default_rng(0)
    raw, labels = generator.integers(0, 255, (6, 32, 32)).astype(np.uint8), np.zeros((6, 32, 32), np.uint8)
    labels[:, 8:20, 8:20] = 1
    model = cristae.train(
        raw,
        labels,
        model="m",
        unknown=np.int64(9),
        steps=np.int32(1),
        z=np.array([0, 6]),
        validation_z=[4, 6],
        voxel_size_nm=np.array([50, 4, 4]),
        classes=[LabelClass(1, "er")],
        settings={"features": 2, "levels": np.int64(2), "batch": 2, "patch_zyx": (1, 32, 32)},
        seed=np.uint8(3),
        home=tmp_path,
    )
    assert cristae.predict(raw, model=model, flips=False).shape == raw.shape
    scores = cristae.evaluate(
        labels, labels, unknown=np.uint8(9), z=np.array([0, 3]), classes={np.int16(1): "er"}
    )
    assert scores["classes"]["1"]["dice"] == 1.0


def test_settings_may_be_numbers_also_where_a_training_goes_on_from_a_model_or_reads_files(tmp_path):
    generator = np.random.default_rng(0)
    labels = np.zeros((6, 32, 32), np.uint8)
    labels[:, 8:20, 8:20] = 1
    raw = 100 * labels + generator.integers(1, 50, labels.shape, np.uint8)
    tifffile.imwrite(tmp_path / "raw.tif", raw)
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    given = {
        "steps": 1,
        "voxel_size_nm": (50, 4, 4),
        "settings": {"features": 2, "levels": np.int64(2), "batch": 2, "patch_zyx": [1, 32, 32]},
        "home": tmp_path / "home",
    }
    files = tmp_path / "raw.tif", tmp_path / "labels.tif"
    first = cristae.train(*files, model="first", **given)
    further = cristae.train(*files, model="further", start_from="first", **given)
    assert further.record["network"] == first.record["network"]
