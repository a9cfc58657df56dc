import itertools

import pytest

from cristae.errors import CorruptData
from cristae.events import Metrics, Note, PlanMade, Progress
from cristae.geometry import Box
from cristae.jobs.protocol import (
    MAX_LINE,
    Order,
    Stopped,
    message_line,
    order_line,
    parse_message,
    parse_order,
)
from cristae.jobs.records import JobError, JobResult, ResultFile, result_from_json
from cristae.jobs.specs import (
    CleaningSpec,
    EvaluationSpec,
    LabelledVolume,
    MeasurementSpec,
    NamedVolume,
    PredictionSpec,
    TrainingSpec,
    spec_from_json,
    spec_to_json,
)
from cristae.jobs.states import MOVES, JobState, MoveError, check_move
from cristae.volumes import LabelClass

ONE, TWO = NamedVolume("a" * 64, "found.tif"), NamedVolume("b" * 64)
ALLOWED = {
    ("QUEUED", "RUNNING"),
    ("QUEUED", "FAILED"),
    ("QUEUED", "CANCELLED"),
    ("RUNNING", "DONE"),
    ("RUNNING", "FAILED"),
    ("RUNNING", "CANCELLING"),
    ("RUNNING", "QUEUED"),
    ("CANCELLING", "CANCELLED"),
    ("CANCELLING", "DONE"),
    ("CANCELLING", "FAILED"),
}
TRAINING = TrainingSpec(
    "mito",
    (LabelledVolume("a" * 64, "b" * 64),),
    target="instances",
    classes=(LabelClass(1, "mito", 0xFF0000),),
    unknown_value=0,
    empty_sections="background",
    budget=("minutes", 2.5),
    z=(0, 8),
    validation_z=(8, 10),
    start_from="older",
    settings={"patch_zyx": "1,64,64"},
    seed=7,
    device="cpu",
)
SPECS = [
    TRAINING,
    TrainingSpec("m", ()),
    TrainingSpec("m", (LabelledVolume("a" * 64, "b" * 64, ("c" * 64, "d" * 64)),)),
    PredictionSpec("m", "c" * 64, "probabilities", "cuda:0"),
    PredictionSpec("m", "c" * 64, flips=True),
    PredictionSpec("m", "c" * 64, more_models=("n", "o"), combine="vote"),
    PredictionSpec("m", "c" * 64, "activations", layer="head", region=Box((0, 1, 2), (3, 4, 5))),
    EvaluationSpec((ONE,), TWO),
    EvaluationSpec((ONE, TWO), TWO, "masks", 7, "unknown", (0, 3), distances=True, raw=ONE),
    MeasurementSpec(ONE),
    MeasurementSpec(ONE, TWO, ONE, TWO, contacts=True, condition="voxels > 3"),
    CleaningSpec(ONE, minimum_voxels=3),
    CleaningSpec(TWO, ((1, 2**63 - 1), (3, 4)), ((5, ((0, 1, 2), (3, 4, 5))),), smooth_nm=2.5),
]


@pytest.mark.parametrize(("start", "end"), list(itertools.product(JobState, JobState)))
def test_a_job_goes_only_where_the_table_lets_it(start, end):
    if (start, end) in ALLOWED:
        check_move(start, end)
        return
    with pytest.raises(MoveError) as error:
        check_move(start, end)
    assert (error.value.start, error.value.end, error.value.allowed) == (start, end, MOVES[start])
    assert f"from {start} to {end}" in error.value.sentence
    assert all(state in error.value.sentence for state in MOVES[start])


@pytest.mark.parametrize("spec", SPECS)
def test_a_spec_survives_its_way_through_the_journal(spec):
    assert spec_from_json(spec_to_json(spec)) == spec
    assert "\n" not in spec_to_json(spec)


def test_a_spec_that_was_kept_before_there_were_flips_has_none():
    kept = '{"device":"","image_volume_id":"c","kind":"prediction","model_name":"m","output":"labels"}'
    assert spec_from_json(kept) == PredictionSpec("m", "c", flips=False)


def test_a_spec_that_was_kept_before_there_were_several_annotators_has_one():
    kept = spec_to_json(TRAINING).replace('"further_labels_volume_ids":[],', "")
    assert "further" not in kept
    assert spec_from_json(kept) == TRAINING


def test_a_spec_names_what_must_stay_until_it_has_ended():
    assert TRAINING.needs_volumes() == ("a" * 64, "b" * 64)
    pairs = LabelledVolume("a", "b", ("c", "d")), LabelledVolume("e", "f")
    assert TrainingSpec("m", pairs).needs_volumes() == ("a", "b", "c", "d", "e", "f")
    assert TRAINING.needs_models() == ("older",)
    assert TrainingSpec("m", ()).needs_models() == ()
    assert PredictionSpec("m", "c" * 64).needs_volumes() == ("c" * 64,)
    assert PredictionSpec("m", "c" * 64).needs_models() == ("m",)
    assert PredictionSpec("m", "c" * 64, more_models=("n", "o")).needs_models() == ("m", "n", "o")


def test_work_on_label_images_needs_all_of_its_images_and_no_model():
    three = NamedVolume("c" * 64)
    assert EvaluationSpec((ONE, TWO), three, raw=ONE).needs_volumes() == tuple(x * 64 for x in "abca")
    assert MeasurementSpec(ONE, other=TWO, classes=three).needs_volumes() == tuple(x * 64 for x in "abc")
    assert CleaningSpec(TWO).needs_volumes() == ("b" * 64,)
    assert MeasurementSpec(ONE).needs_models() == CleaningSpec(TWO).needs_models() == ()


def test_a_result_that_was_kept_before_there_were_files_has_none():
    assert result_from_json({"model_name": "m", "outputs": []}) == JobResult("m")


@pytest.mark.parametrize("line", ["", "{}", "[]", "null", '{"kind":"poem"}', '{"kind":"prediction","x":1}'])
def test_a_damaged_spec_is_told(line):
    with pytest.raises(CorruptData):
        spec_from_json(line)


@pytest.mark.parametrize(
    "message",
    [
        Progress("Training", 0.5, None, "step 1"),
        Progress("Training", 1.0, 0.0),
        Metrics(3, {"loss": 0.25}),
        Note("A sentence.", True),
        PlanMade(("One.", "Two."), {"patch_zyx": "1,2,3"}),
        JobError("DISK_FULL", "No space."),
        JobResult("mito"),
        JobResult(outputs=(("labels", "d" * 64),)),
        JobResult(files=(ResultFile("scores.csv", 3, 2**32 - 1),)),
        Stopped(),
    ],
)
def test_a_message_survives_its_way_from_worker_to_server(message):
    assert parse_message(message_line(message)) == message


def test_an_order_survives_its_way_to_the_worker():
    order = Order("job", 3, "cuda:0", TRAINING)
    assert parse_order(order_line(order)) == order


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"hello\n",
        b"{}\n",
        b"[]\n",
        b'{"stopped":false}\n',
        b'{"event":{"kind":"progress","stage":"x","fraction":7,"seconds_left":null,"detail":""}}\n',
        b'{"event":{"kind":"poem"}}\n',
        b'{"error":{"code":"X"}}\n',
        b'{"done":7}\n',
        b'{"stopped":true}',
        b'{"event":{"kind":"note","is_warning":false,"sentence":"' + b"x" * MAX_LINE + b'"}}\n',
    ],
)
def test_what_no_worker_says_is_not_believed(line):
    with pytest.raises(CorruptData):
        parse_message(line)
