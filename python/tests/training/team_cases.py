"""Small trainings of several processes: ``torchrun --nproc-per-node 2 team_cases.py FOLDER`` does them."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from small_trainings import KINDS, request_for
from torch import Tensor, nn

from cristae.computing import launched
from cristae.training import Budget, inspect_and_plan, train
from cristae.training.losses import LOSSES, compared
from cristae.training.shared_norm import normalise_together
from cristae.training.team import Team, joined


def norms() -> nn.Module:
    """A network with batch normalisation of 2D maps, twice, of which one has no weights of its own."""
    torch.manual_seed(0)
    first, second = nn.BatchNorm2d(3), nn.BatchNorm2d(3, affine=False, momentum=None)
    nn.init.normal_(first.weight)
    return nn.Sequential(first, nn.ReLU(), second).double()


def norm_batch() -> tuple[Tensor, Tensor]:
    """Inputs whose mean is far from 0 and another in each share, and what their outputs are weighted with."""
    random = torch.Generator().manual_seed(1)
    x, weights = torch.randn(2, 4, 3, 5, 6, generator=random, dtype=torch.float64)
    return x + 20 * torch.arange(4).view(4, 1, 1, 1), weights


def normalised(network: nn.Module, x: Tensor, weights: Tensor) -> dict[str, Tensor]:
    """Outputs and gradients of a weighted sum of their squares, and outputs once the statistics are fixed."""
    x = x.clone().requires_grad_()
    y = network(x)
    (y.square() * weights).sum().backward()
    gradients = {
        f"gradient of {name}": p.grad for name, p in network.named_parameters() if p.grad is not None
    }
    assert x.grad is not None
    found = {"y": y.detach(), "gradient of x": x.grad} | gradients | dict(network.named_buffers())
    with torch.no_grad():
        return found | {"y when trained": network.eval()(x)}


def loss_batch(dims: int, *, exclusive: bool) -> tuple[Tensor, Tensor, Tensor | None]:
    """Logits, targets and what these stand for; the second half is nearly unknown, and lacks a class."""
    random = torch.Generator().manual_seed(2)
    logits = torch.randn(4, 3, *(6,) * dims, generator=random)
    targets = torch.randint(0, 3, (4, *(6,) * dims), generator=random, dtype=torch.uint8)
    targets[2:] = torch.where(
        (targets[2:] == 1) & (torch.rand(targets[2:].shape, generator=random) < 0.3), 1, 255
    )
    return logits, targets, None if exclusive else torch.tensor([[0, 0, 0], [1, 0, 1], [0, 1, 1]]).bool()


def slopes_of_losses(own: slice, team: Team) -> dict[str, Tensor]:
    """Each loss of a part of the batch, and its gradient there."""
    found = {}
    for dims in (2, 3):
        for exclusive in (True, False):
            logits, targets, members = loss_batch(dims, exclusive=exclusive)
            for name, loss in LOSSES.items():
                x = logits[own].clone().requires_grad_()
                value = loss(compared(x, targets[own], members, team))
                value.backward()  # type: ignore[no-untyped-call]
                assert x.grad is not None
                found[f"{name} {dims} {exclusive}"] = value.detach()[None]
                found[f"gradient of {name} {dims} {exclusive}"] = x.grad
    return found


def main(folder: Path) -> None:
    """Do all of it, as one of the processes."""
    with joined(launched(), "cpu") as (team, device):
        for name in KINDS:
            request = request_for(name)
            plan = inspect_and_plan(request, device, team.share.parts)
            trained = train(request, plan, folder=folder / name, device=device, team=team)
            np.savez(folder / f"{name}-{team.share.number}.npz", **trained.weights)
        request = replace(
            request_for("classes in sections", precision="bfloat16"), budget=Budget(minutes=0.06)
        )
        plan = inspect_and_plan(request, device, team.share.parts)
        trained = train(request, plan, folder=folder / "in minutes", device=device, team=team)
        steps = np.array(trained.record["training"]["steps"])
        np.savez(folder / f"in minutes-{team.share.number}.npz", steps=steps, **trained.weights)
        request = request_for("classes in sections", steps=200)
        plan = inspect_and_plan(request, device, team.share.parts)
        asked = team.share.number == 1  # not the one that decides
        trained = train(
            request,
            plan,
            folder=folder / "ended early",
            device=device,
            team=team,
            should_finish=lambda: asked,
        )
        steps = np.array(trained.record["training"]["steps"])
        np.savez(folder / f"ended early-{team.share.number}.npz", steps=steps, **trained.weights)
        network, (x, weights), own = norms(), norm_batch(), team.share.own(2)
        normalise_together(network, team.share.parts)
        found = normalised(network, x[own], weights[own]) | slopes_of_losses(own, team)
        np.savez(folder / f"parts-{team.share.number}.npz", **{k: v.numpy() for k, v in found.items()})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
