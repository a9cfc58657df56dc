"""The memory may run out at any tile: what is left is computed in smaller ones, with the same result."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cristae.errors import Cancelled, OutOfMemory
from cristae.events import Event, Note, Progress
from cristae.geometry import Box
from cristae.prediction import Predictor, load_predictor, predict
from cristae.prediction.instances import InMemory
from cristae.prediction.ledger import How, Ledger, finished_tiles
from cristae.volumes import ArrayImage

TILE = (8, 64, 64)


class Device:
    """What a predictor is given to compute, on a device whose memory runs out after some tiles."""

    def __init__(self, predictor: Predictor, monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
        self.sizes: list[int] = []
        self.most, self.after, self._failure = 1 << 40, 0, failure
        self._compute = predictor.predict
        monkeypatch.setattr(predictor, "predict", self.predict)

    def shrinks(self, share: float, after: int = 0) -> None:
        """From its call number `after` on it takes only this share of the largest that it has computed."""
        self.most, self.after = int(share * max(self.sizes)), after
        self.sizes.clear()

    def predict(self, prepared: NDArray[np.float32], kind: Any, wanted: Box) -> NDArray[np.uint8]:
        self.sizes.append(prepared.size)
        if len(self.sizes) > self.after and prepared.size > self.most:
            raise self._failure
        return self._compute(prepared, kind, wanted)


@pytest.fixture
def device(random_model: type, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Predictor, Device]]:
    def made(
        network: str, engine: str = "torch", failure: Exception | None = None
    ) -> tuple[Predictor, Device]:
        predictor = load_predictor(random_model(network), "cpu", engine=engine)  # type: ignore[arg-type]
        return predictor, Device(
            predictor, monkeypatch, failure or torch.OutOfMemoryError("CUDA out of memory.")
        )

    return made


def run(
    predictor: Predictor, voxels: NDArray[Any], output: InMemory | None = None, **choices: Any
) -> tuple[NDArray[np.uint8], list[Event]]:
    channels = 3 if choices.get("kind") == "probabilities" else 1
    output = output or InMemory((channels, *voxels.shape))
    told: list[Event] = []
    predict(predictor, ArrayImage(voxels), output, tile_shape_zyx=TILE, on_event=told.append, **choices)
    return output.voxels, told


def notes(told: list[Event]) -> list[str]:
    return [event.sentence for event in told if isinstance(event, Note)]


@pytest.mark.parametrize(
    ("network", "kind", "failure"),
    [
        ("volume", "labels", torch.OutOfMemoryError("CUDA out of memory.")),
        ("volume", "probabilities", MemoryError()),
        ("sections", "labels", RuntimeError("DefaultCPUAllocator: can't allocate memory")),
    ],
)
def test_when_the_memory_runs_out_at_a_later_tile_the_rest_is_computed_in_parts(
    device: Any, tissue: NDArray[np.uint8], network: str, kind: str, failure: Exception
) -> None:
    predictor, card = device(network, failure=failure)
    undisturbed, _ = run(predictor, tissue, kind=kind)
    tiles, large = len(card.sizes), max(card.sizes)
    card.shrinks(0.6, after=2)
    voxels, told = run(predictor, tissue, kind=kind)
    assert np.array_equal(voxels, undisturbed)
    assert card.sizes[:3] == [large] * 3
    assert max(card.sizes[3:]) <= card.most
    assert len(card.sizes) > tiles
    (sentence,) = [one for one in notes(told) if "memory" in one]
    assert sentence.startswith("The device's memory did not suffice for tiles of ")
    fractions = [event.fraction for event in told if isinstance(event, Progress)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_a_restart_goes_on_in_the_parts_that_fitted_and_does_not_try_again(
    device: Any, tissue: NDArray[np.uint8], tmp_path: Path
) -> None:
    predictor, card = device("volume")
    undisturbed, _ = run(predictor, tissue)
    large, kept = max(card.sizes), InMemory((1, *tissue.shape))
    kept.resumed = True
    card.shrinks(0.5, after=2)
    asked = iter(range(1000))
    ledger = tmp_path / "tiles.jsonl"
    with pytest.raises(Cancelled):
        run(predictor, tissue, kept, ledger=ledger, should_stop=lambda: next(asked) > 40)
    done = finished_tiles(ledger)
    assert done >= 2
    card.sizes.clear()
    voxels, told = run(predictor, tissue, kept, ledger=ledger)
    assert np.array_equal(voxels, undisturbed)
    assert max(card.sizes) <= card.most < large
    assert any(one.startswith(f"{done} of ") for one in notes(told))
    assert any("in parts of" in one and "did not suffice for them before" in one for one in notes(told))


def test_when_not_even_the_smallest_fits_a_sentence_says_so_and_what_is_done_counts(
    device: Any, tissue: NDArray[np.uint8], tmp_path: Path
) -> None:
    predictor, card = device("volume")
    undisturbed, _ = run(predictor, tissue)
    kept = InMemory((1, *tissue.shape))
    kept.resumed = True
    card.shrinks(0.0, after=2)
    with pytest.raises(
        OutOfMemory, match=r"not even for the smallest tiles of this model \(.*Close other programs"
    ):
        run(predictor, tissue, kept, ledger=tmp_path / "tiles.jsonl")
    assert finished_tiles(tmp_path / "tiles.jsonl") == 2
    card.most = 1 << 40
    voxels, _ = run(predictor, tissue, kept, ledger=tmp_path / "tiles.jsonl")
    assert np.array_equal(voxels, undisturbed)


def test_what_is_no_number_and_what_lies_outside_is_counted_once(
    device: Any, tissue: NDArray[np.uint8], tmp_path: Path
) -> None:
    broken = tissue.astype(np.float32)
    broken[:, :40:20, :40:20] = np.nan
    mask = np.zeros(tissue.shape, np.uint8)
    mask[:, :40, :40] = 1
    choices: Any = {"inside": ArrayImage(mask)}
    predictor, card = device("volume")
    undisturbed, told = run(predictor, broken, **choices)
    card.shrinks(0.6, after=1)
    voxels, again = run(predictor, broken, ledger=tmp_path / "tiles.jsonl", **choices)
    assert np.array_equal(voxels, undisturbed)
    counted = [one for one in notes(told) if "outside" in one or "voxels of the image" in one]
    assert len(counted) == 2
    assert [one for one in notes(again) if one in counted] == counted


def test_a_part_that_another_process_predicts_shrinks_too(device: Any, tissue: NDArray[np.uint8]) -> None:
    from cristae.prediction import predict_tiles
    from cristae.prediction.units import PartInMemory

    part = Box((2, 10, 20), (12, 70, 80))
    predictor, card = device("volume")
    undisturbed, _ = run(predictor, tissue)
    card.shrinks(0.5, after=1)
    output = PartInMemory(1, part)
    predict_tiles(predictor, ArrayImage(tissue), output, kind="labels", part=part, tile_shape_zyx=TILE)
    assert np.array_equal(output.voxels, undisturbed[(slice(None), *part.slices)])
    assert len(card.sizes) > 2


def test_openvino_is_made_anew_for_the_parts(device: Any, tissue: NDArray[np.uint8]) -> None:
    pytest.importorskip("openvino")
    predictor, card = device("volume", "openvino")
    undisturbed, _ = run(predictor, tissue)
    card.shrinks(0.6, after=2)
    voxels, _ = run(predictor, tissue)
    assert np.array_equal(voxels, undisturbed)
    assert max(card.sizes[3:]) <= card.most


def test_the_ledger_keeps_the_last_shape_that_tiles_were_cut_to(tmp_path: Path) -> None:
    path, work, how = tmp_path / "tiles.jsonl", {"model": "m"}, How((8, 64, 64))
    with Ledger(path, work, how) as ledger:
        ledger.note(3)
        ledger.note_cut((8, 64, 32))
        ledger.note_cut((8, 32, 32))
        ledger.note(5)
    for _ in range(2):  # it is written anew when it is opened
        assert finished_tiles(path) == 2
        assert Ledger.begun(path, work) == How((8, 64, 64), cut_to_zyx=(8, 32, 32))
        with Ledger(path, work, how) as again:
            assert (again.done, again.cut_to_zyx) == (frozenset({3, 5}), (8, 32, 32))
