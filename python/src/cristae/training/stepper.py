"""A step of a training: from patches to changed weights."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from cristae.labels import UNKNOWN
from cristae.networks import AddedNetwork, UNet
from cristae.networks.devices import memory_format
from cristae.training.affinities import Pairs
from cristae.training.averaging import WeightAverage
from cristae.training.checkpoint import Checkpoint
from cristae.training.first_weights import frozen, set_to_train
from cristae.training.losses import Compared, compared, loss_named, patch_errors
from cristae.training.optimiser import AdamW
from cristae.training.pace import memory_watched
from cristae.training.patches import Patches
from cristae.training.plan import Plan
from cristae.training.schedule import learning_rate
from cristae.training.shared_norm import normalise_together
from cristae.training.supervision import DeepSupervision, supervised_loss
from cristae.training.team import ALONE, Team
from cristae.training.unlabelled import PseudoLabels, unlabelled_loss, weight_of


class Stepper:
    """Takes the steps of a training; what they depend on beside their patches is all here.

    Parameters
    ----------
    plan, network, patches, device, team
        As of :class:`~cristae.training.trainer.Trainer`.

    Attributes
    ----------
    is_mixed
        Whether convolutions are computed in bfloat16.
    learning_rate
        The highest one.
    """

    def __init__(
        self, plan: Plan, network: UNet | AddedNetwork, patches: Patches, device: torch.device, team: Team
    ) -> None:
        choices, members = plan.choices, patches.members
        self._choices, self._patches, self._device, self._team = choices, patches, device, team
        self._network = network
        self._format = memory_format(plan.network.dims, device)
        self._supervised = DeepSupervision(network, choices.deep_supervision == "on", patches.sampler.seed)
        self._supervised.to(device).to(memory_format=self._format)
        self._members = members.to(device) if isinstance(members, Tensor) else members
        self._loss = loss_named(choices.loss)
        frozen(network, choices.freeze)
        self._optimiser = AdamW(self._supervised, choices.weight_decay)
        self._average = WeightAverage(network)
        self._pseudo: PseudoLabels | None = None
        if choices.pseudo == "on":
            assert not isinstance(self._members, Pairs)  # noqa: S101 - refused by the plan
            self._pseudo = PseudoLabels(patches, network, self._members, team.share)
        torch.backends.cudnn.benchmark = device.type == "cuda"  # every step has the same shapes
        self.is_mixed = False
        self.learning_rate = choices.learning_rate

    @property
    def averaged(self) -> dict[str, Tensor]:
        """The averaged weights, by name."""
        return self._average.tensors

    @property
    def weights(self) -> list[Tensor]:
        """All weights, averaged or not."""
        return [*self._network.state_dict().values(), *self.averaged.values()]

    def take(self, step: int, x: Tensor, targets: Tensor, batch: int, progress: float) -> Tensor:
        """Take a step, and return its loss.

        Parameters
        ----------
        step
            Its number, from 1.
        x, targets
            Patches as they are read, (n, c, [z,] y, x) and (n, [z,] y, x).
        batch
            How many patches these are; in 2D a patch may be several sections.
        progress
            How far the training is, 0 to 1.
        """
        x, targets = self._patches.varied(step, *self._moved(x, targets), self._team.share)
        answers, loss = self._answered(self._supervised, x, targets, self._team)
        self.clear()
        loss.backward()  # type: ignore[no-untyped-call]
        self._add_unlabelled(step, batch, progress)
        loss = loss.detach()
        self._team.average([*self._optimiser.gradients, loss])
        self._optimiser.clip(self._choices.clip)
        self._optimiser.step(learning_rate(progress, self.learning_rate))
        if self._patches.sampler.running_error is not None:
            self._patches.sampler.tell(step, self._team.gathered(patch_errors(answers, batch)))
        self._average.update(self._network, step)
        return loss

    def try_out(self, x: Tensor, targets: Tensor) -> None:
        """Compute what a step takes, without changing anything and without a word to other processes."""
        trial = copy.deepcopy(self._supervised)  # whose statistics may change
        with memory_watched(trial, self._device):
            _, loss = self._answered(trial, *self._moved(x, targets), ALONE)
            loss.backward()  # type: ignore[no-untyped-call]

    def join(self) -> None:
        """Normalise over the batches of the whole team from now on."""
        normalise_together(self._network, self._team.share.parts)

    def clear(self) -> None:
        """Forget the gradients."""
        self._optimiser.clear()

    def close(self) -> None:
        """Read no further ahead."""
        if self._pseudo is not None:
            self._pseudo.close()

    def parts(self) -> dict[str, Mapping[str, Tensor]]:
        """Return what the next step depends on, for a checkpoint."""
        return {
            "network": self._network.state_dict(),
            "heads": self._supervised.heads.state_dict(),
            "average": self.averaged,
            "optimiser": self._optimiser.state(),
            "errors": self._patches.sampler.state(),
        }

    def restore(self, found: Checkpoint) -> None:
        """Go on from what :meth:`parts` returned."""
        self._network.load_state_dict(found.part("network", self._device))
        self._supervised.heads.load_state_dict(found.part("heads", self._device))
        self._average.tensors = found.part("average", self._device)
        self._optimiser.load_state(found.part("optimiser", self._device))
        self._patches.sampler.load_state(found.part("errors", self._device))

    def _answered(
        self, supervised: DeepSupervision, x: Tensor, targets: Tensor, team: Team
    ) -> tuple[Compared, Tensor]:
        """Return what a network that learns says about a batch, and its loss."""
        x = x.contiguous(memory_format=self._format)
        set_to_train(supervised.network, self._choices.freeze)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self.is_mixed):
            logits, *coarser = supervised(x)
        answers = compared(logits, targets, self._members, team)
        return answers, supervised_loss(self._loss, answers, coarser)

    def _add_unlabelled(self, step: int, batch: int, progress: float) -> None:
        """Add the gradients of what unlabelled patches teach, once the network knows something."""
        weight = weight_of(progress)
        if self._pseudo is None or weight == 0:
            return
        x, targets, seen = self._pseudo.of(step, batch, self.averaged)
        # Other variants than those of labelled patches; what may be seen is varied alike.
        _, seen = self._patches.varied(-step, x, seen, self._team.share)
        x, targets = self._patches.varied(-step, x, targets, self._team.share)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self.is_mixed):
            logits = self._network(x.contiguous(memory_format=self._format))
        answers = compared(logits, targets, self._members, self._team)
        loss = weight * unlabelled_loss(answers, seen != UNKNOWN)
        loss.backward()  # type: ignore[no-untyped-call]

    def _moved(self, x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return x.to(self._device, non_blocking=True), targets.to(self._device, non_blocking=True)
