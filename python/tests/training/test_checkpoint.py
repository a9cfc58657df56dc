"""Checkpoints: complete or not there, and never somebody else's."""

from pathlib import Path

import pytest
import torch

from cristae.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

NEWEST = "checkpoint.safetensors"
MINE = {"seed": 1, "data": ["a"], "sections": (None, (0, 4))}


def state(number: int) -> Checkpoint:
    return Checkpoint(
        {"network.a": torch.full((3,), float(number))}, {"step": number, "best_values": {"dice": 0.5}}
    )


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "new", state(7), MINE)
    found, told = load_checkpoint(tmp_path / "new", MINE)
    assert found is not None
    assert found.tensors["network.a"].tolist() == [7.0, 7.0, 7.0]
    assert found.numbers == {"step": 7, "best_values": {"dice": 0.5}}
    assert told == ()


def test_without_a_checkpoint_there_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "nowhere", MINE) == (None, ())


def test_the_checkpoint_of_another_training_is_not_taken_and_what_differs_is_told(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, state(7), {**MINE, "seed": 2, "data": ["b"]})
    found, told = load_checkpoint(tmp_path, MINE)
    assert found is None
    assert [sentence.endswith("it differs in seed, data.") for sentence in told] == [True]


def test_the_checkpoint_of_another_format_is_not_taken_and_this_is_told(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, state(7), MINE)
    newest = tmp_path / NEWEST
    newest.write_bytes(newest.read_bytes().replace(b'"schema":"2"', b'"schema":"1"'))
    found, told = load_checkpoint(tmp_path, MINE)
    assert found is None
    assert ["another version" in sentence for sentence in told] == [True]


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"\xff" * len(b)])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    save_checkpoint(tmp_path, state(1), MINE)
    save_checkpoint(tmp_path, state(2), MINE)
    newest = tmp_path / NEWEST
    newest.write_bytes(damage(newest.read_bytes()))
    found, told = load_checkpoint(tmp_path, MINE)
    assert found is not None
    assert found.numbers["step"] == 1
    assert told == (f"The checkpoint {NEWEST} is damaged and was passed over.",)


def test_only_two_files_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        save_checkpoint(tmp_path, state(number), MINE)
    assert len(list(tmp_path.iterdir())) == 2
