"""Which weights of a training are kept: how good they are on the part held out, and which were best."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cristae.events import Event, Metrics, Note, Progress
from cristae.networks import AddedNetwork, UNet
from cristae.networks.devices import memory_format
from cristae.training.calibration import Calibration, calibrate, known_logits
from cristae.training.divergence import checked_loss
from cristae.training.losses import loss_named
from cristae.training.patches import Patches
from cristae.training.plan import Plan
from cristae.training.preview import Preview
from cristae.training.team import Team
from cristae.training.validation import validate

_CLEARLY_BETTER = 0.01
"""Weights from before the end are taken only if their Dice is better by this: less is chance."""


@dataclass
class Selection:
    """The figures of a training, and the weights that had the best ones.

    Parameters
    ----------
    plan, network, patches, validation, preview, device, on_event, team
        As of :class:`~cristae.training.trainer.Trainer`.

    Attributes
    ----------
    best, best_values, best_step
        The weights with the best Dice, their figures, and the step that they are of; empty and 0 so far.
    history
        The curve: figures by name for each validation, with its "step".
    last_step
        When it was validated last.
    """

    plan: Plan
    network: UNet | AddedNetwork
    patches: Patches
    validation: Sequence[tuple[Tensor, Tensor]]
    preview: Preview | None
    device: torch.device
    on_event: Callable[[Event], None]
    team: Team
    best: dict[str, Tensor] = field(default_factory=dict)
    best_values: dict[str, float] = field(default_factory=dict)
    best_step: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    last_step: int = 0

    def __post_init__(self) -> None:
        members = self.patches.members
        self._members = members.to(self.device) if isinstance(members, Tensor) else members
        self._loss = loss_named(self.plan.choices.loss)
        self._format = memory_format(self.plan.network.dims, self.device)
        self._values: dict[str, float] = {}
        self._untold: Metrics | None = None

    def take(self, step: int, of_steps: Mapping[str, float], weights: Mapping[str, Tensor]) -> None:
        """Validate averaged weights, and remember them if they are the best.

        Parameters
        ----------
        step
            What they are of.
        of_steps
            Further figures for the curve: learning rate and loss.
        weights
            By name.
        """
        values = dict(of_steps)
        if self.validation:
            found = self.team.agree(lambda: self.figures(weights))
            checked_loss(torch.tensor(found["validation_loss"]), step)
            values |= found
            self._values = found
            # Without a voxel of any object, neither there nor predicted, there is no Dice to go by.
            if found.get("dice", -1.0) > self.best_values.get("dice", -1.0):
                self.best = {name: tensor.clone() for name, tensor in weights.items()}
                self.best_values, self.best_step = found, step
        self.last_step = step
        self.history.append({"step": step, **values})
        if self.preview is not None:
            self.preview.keep()
        self._untold = Metrics(step, values)

    def tell(self) -> None:
        """Tell the figures of the last validation; behind the last step, :meth:`tell_end` has better ones."""
        if self._untold is not None:
            self.on_event(self._untold)
        self._untold = None

    def tell_end(self, values: Mapping[str, float]) -> None:
        """Tell the figures of the weights that are kept, and let the curve end with them."""
        step, last = self.last_step, self.history[-1]
        of_steps = ("step", "learning_rate", "loss")  # the rest told of weights that may not be kept
        self.history[-1] = {name: last[name] for name in of_steps if name in last} | dict(values)
        if self.preview is not None:
            self.preview.keep()
        dice = f", Dice {values['dice']:.3f}" if "dice" in values else ""
        self.on_event(Progress("Training", 1.0, None, f"step {step} of {step}{dice}"))
        self.on_event(Metrics(step, {k: v for k, v in self.history[-1].items() if k != "step"}))

    def figures(self, weights: Mapping[str, Tensor]) -> dict[str, float]:
        """Return the figures of the network with these weights on the validation part."""
        training = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        self.network.load_state_dict(dict(weights))
        moved = (self._moved(x, targets) for x, targets in self.validation)
        try:
            classes = self.patches.reading.answers
            watch = None if self.preview is None else self.preview.watch
            return validate(self.network, moved, classes, self._members, self._loss, watch)
        finally:
            self.network.load_state_dict(training)

    def nothing_improves(self, step: int, expected_steps: int) -> bool:
        """Tell whether the best weights are older than the plan has patience, and say so."""
        if not self.validation or self.best_step == 0:
            return False
        if (step - self.best_step) / max(1, expected_steps) < self.plan.choices.patience:
            return False
        self.on_event(Note(f"Nothing has improved since step {self.best_step}: the training ends early."))
        return True

    def chosen(self, last: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Return the last average with its figures, or the best one if that was clearly better."""
        if not self.validation:
            return last, {}
        values = self._values or self.figures(last)
        if self.best and self.best_values["dice"] > values.get("dice", 0.0) + _CLEARLY_BETTER:
            self.on_event(Note(f"The weights of step {self.best_step} predicted best; they are the model."))
            return self.best, self.best_values
        return last, values

    def calibrated(self, weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Calibration]:
        """Return the weights with a last layer that is calibrated on the validation part."""
        self.network.load_state_dict(dict(weights))
        self.network.eval()
        with torch.inference_mode():
            answers = [(self.network(self._moved(x, t)[0]).cpu(), t) for x, t in self.validation]
            members = self._members.cpu() if isinstance(self._members, Tensor) else None
            found = calibrate(*known_logits(answers, self.patches.sampler.seed), members)
        return found.folded(weights, self.network.config.upscale_zyx), found

    def _moved(self, x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return x.contiguous(memory_format=self._format).to(self.device), targets.to(self.device)
