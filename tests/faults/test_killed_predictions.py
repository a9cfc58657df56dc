"""A prediction by several processes is killed at random moments: the same bytes, and little is done again.

Processes, ledger and files are the product's; the network sleeps, so that something is under way at each
moment. ``benchmarks/kills.py`` kills more often.
"""

from pathlib import Path

import pytest

from together.kills import survive
from together.prepared import prepare, unbroken

SHAPE = (64, 1024, 1024)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("by_dask", "seed", "killed"),
    [(False, 4, {"worker", "main process"}), (True, 8, {"worker", "main process", "scheduler"})],
    ids=["processes of this machine", "workers of a Dask cluster"],
)
def test_kills_change_no_byte_and_cost_only_what_was_under_way(
    tmp_path: Path, by_dask: bool, seed: int, killed: set[str]
) -> None:
    subject = prepare(tmp_path, SHAPE)
    whole, place = unbroken(subject, tmp_path / "whole"), tmp_path / "killed"
    place.mkdir()
    moments = 5 if by_dask else 3
    outcome = survive(subject, place, whole, moments=moments, sleep_s=1.0, seed=seed, by_dask=by_dask)
    assert set(outcome.kills) == killed
    assert outcome.kills.total() == moments
    assert outcome.is_same
    assert 0 < outcome.redone <= outcome.under_way <= 2 * 2 * moments
    assert outcome.left == 0
    assert not list(place.glob(".*.partial"))
