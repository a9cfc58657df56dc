"""OpenVINO computes what torch computes; which of them does is found out once for a prediction."""

import logging
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch import nn

from cristae.errors import Cancelled, InvalidInput, Unsupported
from cristae.events import Note
from cristae.networks import Forest, ForestConfig, Preprocessing, Statistics
from cristae.prediction import engines, form_of, load_models, load_predictor, predict
from cristae.prediction.engines import OpenVinoEngine, TorchEngine, quicker, usable
from cristae.prediction.instances import InMemory
from cristae.prediction.predictor import Predictor
from cristae.volumes import ArrayImage

CPU, FORMAT = torch.device("cpu"), torch.contiguous_format


def predicted(predictor, voxels, output=None, **choices):
    """Return the result, and the sentences that were told."""
    told = []
    channels = form_of(predictor.record, choices.get("kind", "labels")).channels
    output = output or InMemory((channels, *voxels.shape))
    predict(predictor, ArrayImage(voxels), output, on_event=told.append, **choices)
    return output.voxels, [event.sentence for event in told if isinstance(event, Note)]


@pytest.mark.parametrize("kind", ["volume", "sections"])
@pytest.mark.parametrize("flips", [False, True])
def test_both_engines_give_the_same(random_model, tissue, kind, flips):
    model = random_model(kind)
    ours, theirs = (load_predictor(model, "cpu", engine=name, flips=flips) for name in ("openvino", "torch"))
    labels, told = predicted(ours, tissue, tile_shape_zyx=(8, 48, 64))
    assert any("by OpenVINO" in sentence for sentence in told)
    assert len(np.unique(labels)) == 3
    same = labels == predicted(theirs, tissue)[0]
    assert same.mean() > 0.9999  # all but where two classes are alike to the last digit
    shares = [predicted(one, tissue, kind="probabilities")[0].astype(int) for one in (ours, theirs)]
    assert np.abs(shares[0] - shares[1]).max() <= 1


def test_a_model_that_predicts_tiles_of_another_shape_is_made_ready_for_them(random_model, tissue):
    predictor = load_predictor(random_model("volume"), "cpu", engine="openvino")
    first, _ = predicted(predictor, tissue, tile_shape_zyx=(8, 48, 64))
    again, _ = predicted(predictor, tissue, tile_shape_zyx=(13, 64, 64))
    assert np.array_equal(first, again)


def test_several_models_answer_by_openvino_too(random_model, tissue):
    common = {"channels": 1, "working_voxel": {"downsample_zyx": [1, 1, 1]}}
    models = [random_model("volume", weights_sha256=name, **common) for name in "ab"]
    ours, theirs = (load_models(models, "cpu", engine=name) for name in ("openvino", "torch"))
    labels, told = predicted(ours, tissue)
    assert any("by OpenVINO" in sentence for sentence in told)
    assert (labels == predicted(theirs, tissue)[0]).mean() > 0.9999


class Slow(nn.Module):
    """Adds 1, and takes its time."""

    def forward(self, x):
        time.sleep(0.02)
        return x + 1


class Other:
    """Stands for OpenVINO: as quick as a test wants, and as exact."""

    name = "openvino"

    def __init__(self, seconds=0.0, error=0.0):
        self.seconds, self.error = seconds, error

    def __call__(self, x):
        time.sleep(self.seconds)
        return x + 1 + self.error


@pytest.mark.parametrize(
    ("other", "tiles", "chosen"),
    [
        (Other(), 10, "openvino"),
        (Other(), 4, "torch"),  # 80 ms in all are not worth it
        (Other(seconds=0.04), 10, "torch"),
        (Other(error=0.1), 10, "torch"),
        (Other(error=1e-4), 10, "openvino"),
    ],
)
def test_what_is_clearly_quicker_and_as_exact_computes_a_long_prediction(monkeypatch, other, tiles, chosen):
    monkeypatch.setattr(engines, "_WORTH_A_TRIAL_S", 0.15)
    monkeypatch.setattr(engines, "OpenVinoEngine", lambda *_: other)
    own = TorchEngine(Slow(), FORMAT)
    assert quicker(own, Slow(), torch.zeros(1, 1, 4, 4), tiles, torch.sigmoid).name == chosen


def test_a_network_that_openvino_does_not_know_is_computed_by_torch(monkeypatch):
    class Strange(nn.Module):
        def forward(self, x):
            return torch.linalg.svd(x)[0]

    monkeypatch.setattr(engines, "_WORTH_A_TRIAL_S", 0.0)
    own = TorchEngine(Strange(), FORMAT)
    loudness = logging.root.level
    assert quicker(own, Strange(), torch.eye(4)[None, None], 10, torch.sigmoid) is own
    assert logging.root.level == loudness


def test_openvino_is_never_given_a_forest(random_model):
    forest = Forest(ForestConfig(1, 3, (1.0,), trees=2, nodes=3, depth=2))
    preprocessing = Preprocessing(2, "image", Statistics((0.0,), (1.0,)))
    record = random_model("sections").record
    assert Predictor(forest, preprocessing, CPU, record, "digest").asked == "torch"
    with pytest.raises(Unsupported, match="does not compute random forests"):
        Predictor(forest, preprocessing, CPU, record, "digest", engine="openvino")
    with pytest.raises(InvalidInput, match="The engine is one of"):
        Predictor(forest, preprocessing, CPU, record, "digest", engine="cuda")


def test_a_prediction_goes_on_with_the_engine_that_it_was_begun_with(random_model, tissue, tmp_path):
    choices = {"ledger": tmp_path / "tiles.jsonl", "tile_shape_zyx": (8, 48, 64)}
    whole, _ = predicted(load_predictor(random_model("volume"), "cpu", engine="openvino"), tissue, **choices)
    output, asked = InMemory((1, *tissue.shape)), []

    def soon():
        asked.append(True)
        return len(asked) > 3

    (tmp_path / "tiles.jsonl").unlink()
    begun = load_predictor(random_model("volume"), "cpu", engine="openvino")
    with pytest.raises(Cancelled):
        predicted(begun, tissue, output, should_stop=soon, **choices)
    output.resumed = True
    goes_on = load_predictor(random_model("volume"), "cpu")  # which would take torch for so little
    result, told = predicted(goes_on, tissue, output, **choices)
    assert any("by OpenVINO" in sentence for sentence in told)
    assert any("finished before the interruption" in sentence for sentence in told)
    assert np.array_equal(result, whole)


def test_without_openvino_torch_computes_and_what_was_begun_begins_anew(
    random_model, tissue, tmp_path, monkeypatch
):
    choices = {"ledger": tmp_path / "tiles.jsonl"}
    output = InMemory((1, *tissue.shape))
    predicted(load_predictor(random_model("volume"), "cpu", engine="openvino"), tissue, output, **choices)
    output.resumed = True
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    _, told = predicted(load_predictor(random_model("volume"), "cpu"), tissue, output, **choices)
    assert any("was begun with openvino, which does not compute it now" in sentence for sentence in told)
    assert not any("finished before" in sentence for sentence in told)
    with pytest.raises(Unsupported, match="not installed here"):
        load_predictor(random_model("volume"), "cpu", engine="openvino")


def test_an_engine_that_cannot_be_is_refused():
    with pytest.raises(InvalidInput, match="computes on the CPU, not on cuda:0"):
        usable("openvino", torch.device("cuda:0"))
    with pytest.raises(InvalidInput, match="not 'tensorrt'"):
        usable("tensorrt", CPU)
    assert usable("auto", torch.device("cuda:0")) == "torch"


def test_openvino_does_not_report_its_use_to_anybody():
    """In a process of its own: the first import decides."""
    program = (
        "import sys, torch\n"
        "from cristae.prediction.engines import OpenVinoEngine\n"
        "engine = OpenVinoEngine(torch.nn.Conv2d(1, 1, 3).eval(), torch.zeros(1, 1, 8, 8), 1)\n"
        "engine(torch.zeros(1, 1, 8, 8))\n"
        "print([name for name, it in sys.modules.items() if 'telemetry' in name and it is not None])\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules = told.stdout.strip().splitlines()[-1]
    assert "openvino_telemetry" not in modules
    assert "telemetry_stub" in modules  # its own stand-in, which does nothing


def test_inputs_may_lie_in_memory_as_they_like():
    network = nn.Conv2d(2, 3, 3).eval()
    x = torch.randn(1, 2, 9, 8)
    engine = OpenVinoEngine(network, x, 1)
    with torch.inference_mode():
        for lies in (x, x.contiguous(memory_format=torch.channels_last), x.flip(-1).flip(-1)):
            assert torch.allclose(engine(lies), network(x), atol=1e-5)


SIGNAL_AFTERWARDS = """
import signal, threading
import torch
from cristae.prediction.engines import OpenVinoEngine

network, x = torch.nn.Conv2d(1, 2, 3), torch.zeros(1, 1, 8, 8)
held = [OpenVinoEngine(network, x, 1)]
thread = threading.Thread(target=held.clear)
thread.start()
thread.join()
signal.signal(signal.SIGINT, lambda *_: print("heard"))
signal.raise_signal(signal.SIGINT)
"""


def test_a_signal_is_heard_after_another_thread_was_the_last_to_need_openvino():
    """It ended the program: OpenVINO freed the stack on which the main thread hears signals."""
    ended = subprocess.run(
        [sys.executable, "-c", SIGNAL_AFTERWARDS], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "heard\n"), ended.stderr
