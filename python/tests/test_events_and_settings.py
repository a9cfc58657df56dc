import json
import logging
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cristae import events
from cristae.errors import InvalidInput
from cristae.events import Metrics, Note, PlanMade, Progress, from_json, logged, to_json
from cristae.settings import Home, Limits

NUMBERS = some.floats(allow_nan=True, allow_infinity=True)
EVENTS = some.one_of(
    some.builds(Progress, some.text(), some.floats(0, 1), some.none() | some.floats(0, 1e9), some.text()),
    some.builds(Metrics, some.integers(0, 2**53), some.dictionaries(some.text(), NUMBERS)),
    some.builds(Note, some.text(), some.booleans()),
    some.builds(
        PlanMade, some.lists(some.text()).map(tuple), some.dictionaries(some.text(), some.text(max_size=9))
    ),
)


@given(EVENTS)
def test_every_event_survives_its_way_through_json(event):
    assert from_json(json.loads(json.dumps(to_json(event), allow_nan=False))) == event


def test_numbers_that_are_none_are_never_sent():
    assert Metrics(1, {"loss": math.nan, "dice": math.inf, "iou": 0.5}).values == {"iou": 0.5}


@pytest.mark.parametrize("fraction", [-0.01, 1.01, math.nan])
def test_a_progress_outside_its_range_is_refused(fraction):
    with pytest.raises(InvalidInput):
        Progress("Training", fraction)


def test_an_estimate_that_is_no_number_is_refused():
    with pytest.raises(InvalidInput):
        Progress("Training", 0.5, math.inf)


@pytest.mark.parametrize(
    "record", [{}, {"kind": "poem"}, {"kind": "progress"}, {"kind": "metrics", "step": "x"}]
)
def test_what_is_no_event_is_refused(record):
    with pytest.raises(InvalidInput):
        from_json(record)


def test_the_home_is_the_chosen_one_then_the_environments_then_the_platforms(monkeypatch, tmp_path):
    monkeypatch.setenv("CRISTAE_HOME", str(tmp_path / "environment"))
    assert Home.find(tmp_path / "chosen").root == tmp_path / "chosen"
    assert Home.find().root == tmp_path / "environment"
    monkeypatch.delenv("CRISTAE_HOME")
    monkeypatch.setattr("platformdirs.user_data_dir", lambda name: str(tmp_path / "platform" / name))
    assert Home.find().root == tmp_path / "platform" / "cristae"
    assert Home.find("relative").root == Path.cwd() / "relative"


def test_limits_are_changed_by_the_environment_for_server_and_workers_alike(monkeypatch):
    monkeypatch.setenv("CRISTAE_LIMITS", '{"max_open_jobs": 3}')
    assert Limits.from_environment() == Limits(max_open_jobs=3)
    for wrong in ("3", "[1]", '{"unknown": 1}', "{"):
        monkeypatch.setenv("CRISTAE_LIMITS", wrong)
        with pytest.raises(InvalidInput, match="CRISTAE_LIMITS"):
            Limits.from_environment()


def test_who_gives_no_listener_finds_notes_in_the_log(monkeypatch):
    told: list[tuple[int, str]] = []
    monkeypatch.setattr(events._log, "log", lambda level, form, text: told.append((level, form % text)))
    monkeypatch.setattr(events._log, "info", lambda form, text: told.append((logging.INFO, form % text)))
    for event in (
        Note("So."),
        Note("Look out.", is_warning=True),
        PlanMade(("A plan.",)),
        Progress("P", 0.5),
    ):
        logged(event)
    assert told == [(logging.INFO, "So."), (logging.WARNING, "Look out."), (logging.INFO, "A plan.")]
