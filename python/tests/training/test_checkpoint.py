"""Checkpoints: complete or not there, and never somebody else's."""

from pathlib import Path

import pytest
import torch

from cristae.training.checkpoint import Checkpoint, fingerprint_of, load_checkpoint, save_checkpoint

NEWEST = "checkpoint.safetensors"


def state(number: int) -> Checkpoint:
    return Checkpoint(
        {"network.a": torch.full((3,), float(number))}, {"step": number, "best_values": {"dice": 0.5}}
    )


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "new", state(7), "mine")
    found = load_checkpoint(tmp_path / "new", "mine")
    assert found is not None
    assert found.tensors["network.a"].tolist() == [7.0, 7.0, 7.0]
    assert found.numbers == {"step": 7, "best_values": {"dice": 0.5}}


def test_without_a_checkpoint_there_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "nowhere", "mine") is None


def test_the_checkpoint_of_another_training_is_not_taken(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, state(7), "theirs")
    assert load_checkpoint(tmp_path, "mine") is None


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"\xff" * len(b)])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    save_checkpoint(tmp_path, state(1), "mine")
    save_checkpoint(tmp_path, state(2), "mine")
    newest = tmp_path / NEWEST
    newest.write_bytes(damage(newest.read_bytes()))
    found = load_checkpoint(tmp_path, "mine")
    assert found is not None
    assert found.numbers["step"] == 1


def test_only_two_files_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        save_checkpoint(tmp_path, state(number), "mine")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_training_is_told_from_another_by_everything_in_it() -> None:
    assert fingerprint_of({"seed": 1, "plan": [1, 2]}) == fingerprint_of({"plan": [1, 2], "seed": 1})
    assert fingerprint_of({"seed": 1}) != fingerprint_of({"seed": 2})
