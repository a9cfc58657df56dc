"""Two processes that train together end with the weights of one that has the doubled batch."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_trainings import KINDS, STEPS, request_for
from team_cases import norm_batch, normalised, norms, slopes_of_losses

from cristae.errors import InvalidInput, OutOfMemory
from cristae.training import inspect_and_plan, train
from cristae.training.fitting import fitting_batch
from cristae.training.record import identity_of
from cristae.training.schedule import learning_rate
from cristae.training.share import Share
from cristae.training.shared_norm import normalise_alone, normalise_together
from cristae.training.team import ALONE, Team

type Arrays = Mapping[str, NDArray[Any]]

PROGRAM = Path(__file__).with_name("team_cases.py")


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that two processes have left."""
    folder = tmp_path_factory.mktemp("together")
    words = [
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        str(PROGRAM),
        str(folder),
    ]
    ended = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return folder


def alone(name: str, processes: int, folder: Path) -> Arrays:
    request = request_for(name, processes)
    return train(request, inspect_and_plan(request, "cpu"), folder=folder, device="cpu").weights


def differences(one: Arrays, two: Arrays) -> NDArray[np.float64]:
    """How far all weights differ, in lengths of the way that a weight goes in this training.

    In a step of Adam a weight moves by the learning rate or less, whatever the size of its gradient.
    """
    way = sum(learning_rate(step / STEPS, 0.002) for step in range(STEPS))
    return np.concatenate([np.abs(one[name].astype(float) - two[name]).ravel() for name in one]) / way


@pytest.mark.parametrize("name", KINDS)
def test_they_end_with_the_weights_of_one_process_with_the_doubled_batch(
    name: str, together: Path, tmp_path: Path
) -> None:
    first, second = (np.load(together / f"{name}-{number}.npz") for number in (0, 1))
    assert all(np.array_equal(first[weights], second[weights]) for weights in first)
    # Float32 sums of some thousand terms in another order differ by about 1e-5, and steps of Adam by as much.
    # One weight in a hundred may do as it likes: those of a convolution of one number before a normalisation
    # have a gradient of 0, of which Adam makes steps in any direction.
    assert np.quantile(differences(first, alone(name, 2, tmp_path / "double")), 0.99) < 1e-3
    assert np.median(differences(first, alone(name, 1, tmp_path / "single"))) > 0.1


class FirstOfTwo(Team):
    """What a process does before it exchanges anything with another one."""

    share = Share(0, 2)


def test_what_several_processes_cannot_train_is_refused(tmp_path: Path) -> None:
    request = replace(request_for("classes in sections"), settings={"learner": "forest"})
    plan = inspect_and_plan(request, "cpu")
    with pytest.raises(InvalidInput, match="forest is grown by one process"):
        train(request, plan, folder=tmp_path, device="cpu", team=FirstOfTwo())


def test_processes_that_see_other_data_are_refused(tmp_path: Path) -> None:
    class SecondOfTwo(FirstOfTwo):
        def agree[T](self, decide: Callable[[], T]) -> T:
            return cast(T, {**cast(dict[str, str], decide()), "downsample_zyx": "1,4,4"})

    request = request_for("classes in sections")
    plan = inspect_and_plan(request, "cpu")
    with pytest.raises(InvalidInput, match="do not see the same images and labels"):
        train(request, plan, folder=tmp_path, device="cpu", team=SecondOfTwo())


def test_a_batch_that_does_not_fit_one_of_the_processes_is_halved_in_all(tmp_path: Path) -> None:
    tried: list[int] = []

    class BesideASmallOne(FirstOfTwo):
        def meet(self, says: bool = False) -> bool:
            return says or tried[-1] > 3

    assert fitting_batch(12, BesideASmallOne(), tried.append) == 3
    assert tried == [12, 6, 3]


def test_a_network_that_learned_together_is_one_for_itself_again() -> None:
    network = torch.nn.Sequential(torch.nn.BatchNorm2d(2), torch.nn.Sequential(torch.nn.BatchNorm3d(3)))
    names = list(network.state_dict())
    normalise_together(network, 2)
    assert list(network.state_dict()) == names
    assert not any(type(part) in (torch.nn.BatchNorm2d, torch.nn.BatchNorm3d) for part in network.modules())
    network = deepcopy(network).double()
    network.eval()[0].running_mean += 1
    with torch.no_grad():
        network[1][0].weight *= 3
    normalise_alone(network)
    assert [type(part) for part in network.modules() if not list(part.children())] == [
        torch.nn.BatchNorm2d,
        torch.nn.BatchNorm3d,
    ]
    assert list(network.state_dict()) == names
    assert network[0].running_mean.tolist() == [1, 1]
    assert network[1][0].weight.tolist() == [3, 3, 3]
    assert not network[0].training
    assert network[0](torch.zeros(1, 2, 1, 1, dtype=torch.float64)).shape == (1, 2, 1, 1)


def test_a_process_that_lacks_memory_for_one_patch_ends_all_with_advice() -> None:
    def lacks_memory(batch: int) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(OutOfMemory, match="Set a smaller patch_zyx"):
        fitting_batch(4, FirstOfTwo(), lacks_memory)


def test_the_number_of_processes_makes_a_training_another_one() -> None:
    request = request_for("classes in sections")
    plan = inspect_and_plan(request, "cpu")
    one, same, two = (identity_of(request, plan, (), *count) for count in ((), (1,), (2,)))
    assert one == same
    assert {name for name in one if one[name] != two[name]} == {"the number of processes"}


def test_only_the_first_process_writes(together: Path) -> None:
    for name in KINDS:
        assert (together / name / "checkpoint.safetensors").is_file()
    assert {path.name for path in together.iterdir() if path.is_dir()} == {
        *KINDS,
        "in minutes",
        "ended early",
    }


def test_one_clock_decides_how_many_steps_all_of_them_take(together: Path) -> None:
    first, second = (np.load(together / f"in minutes-{number}.npz") for number in (0, 1))
    assert int(first["steps"]) > 1
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_all_of_them_end_early_together_whoever_was_asked(together: Path) -> None:
    first, second = (np.load(together / f"ended early-{number}.npz") for number in (0, 1))
    assert int(first["steps"]) == 50
    assert all(np.array_equal(first[name], second[name]) for name in first)


def parts(together: Path) -> list[Arrays]:
    return [np.load(together / f"parts-{number}.npz") for number in (0, 1)]


def test_batch_normalisation_is_that_of_the_whole_batch(together: Path) -> None:
    whole, (first, second) = normalised(norms(), *norm_batch()), parts(together)
    for name, expected in whole.items():
        each = torch.from_numpy(first[name]), torch.from_numpy(second[name])
        if name in ("y", "y when trained", "gradient of x"):
            found = torch.cat(each)
        else:  # gradients of weights are summed later; statistics are the same in both
            found = sum(each) if "gradient" in name else each[0]  # type: ignore[assignment]
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_losses_are_those_of_the_whole_batch(together: Path) -> None:
    whole, (first, second) = slopes_of_losses(slice(None), ALONE), parts(together)
    for name, expected in whole.items():
        each = torch.from_numpy(first[name]), torch.from_numpy(second[name])
        if "gradient" in name:  # of the sum over both processes
            torch.testing.assert_close(torch.cat(each) / 2, expected, rtol=1e-4, atol=1e-7)
        else:
            torch.testing.assert_close(each, (expected, expected), rtol=1e-5, atol=0)
