"""A training that is asked to end early: its learning rate runs out, and it keeps the best that it has."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_trainings import request_for

from cristae.errors import Cancelled
from cristae.events import Event, Note, Progress
from cristae.training import TrainedModel, inspect_and_plan, schedule, train
from cristae.training.schedule import Ending, Schedule, learning_rate
from cristae.training.team import ALONE
from cristae.training.wishes import Wish, Wishes


def after(steps: int) -> Callable[[], bool]:
    """Say yes from the question on that comes after so many steps, where nothing was done before."""
    asked = iter(range(10**6))
    return lambda: next(asked) >= steps


def trained(
    folder: Path,
    should_finish: Callable[[], bool],
    *,
    should_stop: Callable[[], bool] = lambda: False,
    told: list[Event] | None = None,
    kind: str = "classes in sections",
    steps: int = 1000,
    **choices: Any,
) -> TrainedModel:
    request = request_for(kind, steps=steps, validation_z=(8, 16), **choices)
    plan = inspect_and_plan(request, "cpu")
    listen = (lambda event: None) if told is None else told.append
    return train(
        request,
        plan,
        folder=folder,
        on_event=listen,
        should_stop=should_stop,
        should_finish=should_finish,
        device="cpu",
    )


@pytest.fixture
def young(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let trainings of few steps be as good as those of many."""
    monkeypatch.setattr(schedule, "FEW_STEPS", 4)
    monkeypatch.setattr(schedule, "_FEWEST_COOLING", 3)


def test_a_training_ends_a_tenth_of_its_steps_after_it_was_asked(tmp_path: Path) -> None:
    told: list[Event] = []
    made = trained(tmp_path, after(60), told=told)
    assert made.record["training"]["steps"] == 66 + 4  # never in fewer than ten steps
    assert made.record["training"]["asked_to_end_at_step"] == 60
    assert made.record["history"][-1]["learning_rate"] == pytest.approx(0, abs=1e-12)
    assert made.record["history"][-1]["step"] == 70
    sentence = (
        "The training was asked after step 60 to end early: its learning rate runs out, and it ends by step "
        "70."
    )
    assert [event.sentence for event in told if isinstance(event, Note)].count(sentence) == 1
    assert made.record["plan"]["sentences"][-1] == sentence
    last = [event for event in told if isinstance(event, Progress)][-1]
    assert (last.fraction, last.detail.startswith("step 70 of 70")) == (1.0, True)
    assert made.record["training"]["calibration"] is not None
    assert made.preview


def test_asked_before_its_first_step_it_learns_for_few_steps_so_that_there_is_something_to_keep(
    tmp_path: Path,
) -> None:
    made = trained(tmp_path, lambda: True)
    assert made.record["training"]["steps"] == 50
    assert made.record["training"]["asked_to_end_at_step"] == 0
    assert "before its first step" in made.record["plan"]["sentences"][-1]


def test_a_training_that_nobody_asks_takes_all_its_steps(tmp_path: Path) -> None:
    made = trained(tmp_path, lambda: False, steps=6)
    assert made.record["training"]["steps"] == 6
    assert made.record["training"]["asked_to_end_at_step"] is None


def test_the_wish_survives_a_kill_and_does_not_change_what_comes_out(young: None, tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole", after(6))
    assert whole.record["training"]["steps"] == 9
    with pytest.raises(Cancelled):
        trained(tmp_path / "broken", after(6), should_stop=after(8))
    told: list[Event] = []
    again = trained(tmp_path / "broken", lambda: False, told=told)  # nobody asks any more
    assert again.record["training"]["steps"] == 9
    assert again.record["training"]["asked_to_end_at_step"] == 6
    assert any(isinstance(event, Note) and "asked after step 6" in event.sentence for event in told)
    for name, weights in whole.weights.items():
        assert np.array_equal(again.weights[name], weights), name


def test_what_lies_before_the_labels_ends_at_once(young: None, tmp_path: Path) -> None:
    told: list[Event] = []
    made = trained(tmp_path, after(3), told=told, kind="pre-training", steps=400)
    stages = [event.detail for event in told if isinstance(event, Progress) and "Pre" in event.stage]
    assert stages
    assert made.record["training"]["steps"] == 4  # the fewest
    assert made.record["training"]["asked_to_end_at_step"] == 0


def test_a_pre_training_that_was_ended_is_not_taken_up_again(young: None, tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole", after(3), kind="pre-training", steps=400)
    with pytest.raises(Cancelled):
        trained(tmp_path / "broken", after(3), should_stop=after(5), kind="pre-training", steps=400)
    again = trained(tmp_path / "broken", lambda: False, kind="pre-training", steps=400)
    for name, weights in whole.weights.items():
        assert np.array_equal(again.weights[name], weights), name


def test_the_end_is_not_cut_short_because_nothing_improves(young: None, tmp_path: Path) -> None:
    impatient = {"steps": 40, "patience": "0.05", "learning_rate": "0.000001"}
    alone = trained(tmp_path / "alone", lambda: False, **impatient).record["training"]["steps"]
    assert alone < 30
    made = trained(tmp_path / "asked", after(alone - 1), **impatient)
    assert made.record["training"]["steps"] == alone - 1 + 3  # the fewest


@given(
    step=st.integers(0, 5000),
    progress=st.floats(0, 1),
)
def test_an_ending_goes_on_from_where_the_training_was_and_comes_to_the_end(
    step: int, progress: float
) -> None:
    ending = Ending.after(step, progress)
    assert ending.steps >= max(10, math.ceil(step / 10), 50 - step)
    assert ending.progress_at(step) == pytest.approx(progress)
    assert ending.progress_at(step + ending.steps) == 1
    middle = ending.progress_at(step + ending.steps // 2)
    assert progress <= middle <= 1
    rates = [learning_rate(ending.progress_at(step + n), 1.0) for n in range(ending.steps + 1)]
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(rates)) or (
        progress < 0.05  # it was still warming up
    )


def test_an_ending_never_takes_more_steps_than_were_planned() -> None:
    plan = Schedule(None, 100, step=97)
    plan.end_soon()
    assert plan.expected_steps == 100
    plan.step = 99
    assert plan.progress < 1
    plan.step = 100
    assert plan.progress == 1


def test_an_ending_never_takes_more_time_than_is_left() -> None:
    now = 0.0
    plan = Schedule(100.0, None, clock=lambda: now)
    plan.step, now = 500, 99.0
    plan.end_soon()
    assert plan.expected_steps == 550
    plan.step, now = 501, 100.0
    assert plan.progress == 1


def test_the_time_left_is_that_of_the_few_steps() -> None:
    now = 0.0
    plan = Schedule(1000.0, None, clock=lambda: now)
    plan.step, now = 100, 50.0
    assert plan.seconds_left == pytest.approx(950)
    plan.end_soon()
    assert plan.seconds_left == pytest.approx(5.0)  # ten steps of half a second


def test_asked_twice_is_asked_once() -> None:
    plan = Schedule(None, 1000, step=100)
    first = plan.end_soon()
    plan.step = 105
    assert plan.end_soon() is first


def test_the_more_urgent_wish_counts() -> None:
    assert Wishes(lambda: True, lambda: True)() is Wish.STOP
    assert Wishes(lambda: False, lambda: True)() is Wish.FINISH
    assert Wishes(lambda: False, lambda: False)() is Wish.GO_ON
    assert ALONE.wish(Wish.FINISH) is Wish.FINISH
