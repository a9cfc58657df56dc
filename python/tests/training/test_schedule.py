"""Progress and learning rate."""

import itertools
import time

import pytest

from cristae.training.schedule import Schedule, learning_rate


def test_the_learning_rate_rises_and_then_falls_to_zero() -> None:
    rates = [learning_rate(p / 100, 0.01) for p in range(101)]
    assert max(rates) == pytest.approx(0.01)
    assert rates.index(max(rates)) == 5
    assert all(a >= b for a, b in itertools.pairwise(rates[5:]))
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert rates[0] > 0


def test_a_training_of_steps_does_not_look_at_the_clock() -> None:
    schedule = Schedule(None, 200, step=50, spent_s=1e6)
    assert schedule.progress == 0.25
    assert schedule.expected_steps == 200


def test_a_training_of_minutes_ends_when_they_are_over_whatever_a_step_takes() -> None:
    schedule = Schedule(100.0, None, step=30, spent_s=60.0)
    assert schedule.progress == pytest.approx(0.6, abs=0.01)
    assert schedule.expected_steps == pytest.approx(50, abs=1)
    assert schedule.seconds_left == pytest.approx(40, abs=1)
    assert Schedule(100.0, None, step=30, spent_s=101.0).progress == 1


def test_the_time_left_of_a_resumed_training_counts_only_the_new_steps() -> None:
    schedule = Schedule(None, 110, step=100, spent_s=1e6, first_step=100)
    schedule.step = 105
    time.sleep(0.02)
    left = schedule.seconds_left
    assert left is not None
    assert left < 10
