"""Whether mixed precision pays is measured, and the measurement itself is short."""

import contextlib
from collections.abc import Iterator

import pytest
import torch

from cristae.networks import devices
from cristae.networks.devices import bfloat16_pays


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    bfloat16_pays.cache_clear()
    yield
    bfloat16_pays.cache_clear()


class Machine:
    """Stands for a device on which a trial takes so long; keeps which trials were made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, plain_s: float, mixed_s: float) -> None:
        self.mixed_trials: list[object] = []

        def trial_s(dims: int, device: torch.device, size: object, mixed: bool) -> float:
            if mixed:
                self.mixed_trials.append(size)
            return mixed_s if mixed else plain_s

        monkeypatch.setattr(devices, "_trial_s", trial_s)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(("mixed_s", "pays"), [(0.005, True), (0.009, False), (0.02, False)])
def test_on_a_cpu_it_must_be_clearly_quicker(
    monkeypatch: pytest.MonkeyPatch, dims: int, mixed_s: float, pays: bool
) -> None:
    Machine(monkeypatch, 0.01, mixed_s)
    assert bfloat16_pays(dims, torch.device("cpu")) == pays


def test_a_cpu_without_the_units_is_found_out_by_small_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, 0.001, 0.5)
    assert not bfloat16_pays(3, torch.device("cpu"))
    assert set(machine.mixed_trials) == {devices._SMALL}


@pytest.mark.parametrize(("mixed_s", "pays"), [(0.009, True), (0.02, False)])
def test_a_gpu_that_says_it_can_is_measured_nevertheless(
    monkeypatch: pytest.MonkeyPatch, mixed_s: float, pays: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "device", contextlib.nullcontext)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    machine = Machine(monkeypatch, 0.01, mixed_s)
    assert bfloat16_pays(2, torch.device("cuda", 0)) == pays
    assert devices._LARGE_ON_GPU in machine.mixed_trials


def test_a_gpu_that_says_it_cannot_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device", contextlib.nullcontext)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    Machine(monkeypatch, 0.01, 0.001)
    assert not bfloat16_pays(2, torch.device("cuda", 0))


@pytest.mark.parametrize("dims", [2, 3])
def test_a_trial_takes_time(dims: int) -> None:
    for mixed in (False, True):
        assert devices._trial_s(dims, torch.device("cpu"), devices._SMALL, mixed) >= 0
