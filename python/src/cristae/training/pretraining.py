"""Before there are answers: a network learns to restore hidden parts of the stack, for which nobody labels.

Blocks of the patches are hidden, and the network, with a last layer of its own for this, is to tell the grey
values there. What it learns of textures and edges is where the training then begins.

Sources: D. Pathak et al., Context encoders, CVPR 2016; K. He et al., Masked autoencoders are scalable vision
learners, CVPR 2022.
"""

import copy
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cristae.errors import Cancelled, InvalidInput, OutOfMemory
from cristae.events import Event, Note, Progress
from cristae.labels import UNKNOWN
from cristae.memory import ran_out
from cristae.networks import AddedNetwork, UNet
from cristae.networks.devices import memory_format
from cristae.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from cristae.training.data import training_batches
from cristae.training.divergence import TrainingDivergedError
from cristae.training.fitting import TOO_LITTLE, fitting_batch
from cristae.training.optimiser import AdamW
from cristae.training.pace import give_freed_back, memory_watched
from cristae.training.patches import Patches
from cristae.training.plan import Plan
from cristae.training.precision import precision_is_mixed
from cristae.training.schedule import Schedule, learning_rate
from cristae.training.share import WHOLE, Share
from cristae.training.shared_norm import normalise_alone, normalise_together
from cristae.training.team import ALONE, Team
from cristae.training.unlabelled import UnlabelledReader, UnlabelledSampler
from cristae.training.wishes import Wish, Wishes

_HIDDEN = 0.5
_BLOCK = {2: (16, 16), 3: (8, 8, 8)}
"""Sides of a hidden block, in voxels of the network's input: too large for a guess from its rim alone."""

_TOLD_EVERY_S, _SAVED_EVERY_S = 1.0, 60.0


class Restorer(nn.Module):
    """A network with another last layer: input (n, c, [z,] y, x) to the grey values of the same voxels."""

    def __init__(self, network: UNet, seed: int) -> None:
        super().__init__()
        self.network = network
        config = network.config
        convolution = nn.Conv2d if config.dims == 2 else nn.Conv3d
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.last = convolution(config.features[0], config.in_channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the grey values that the network expects."""
        restored: Tensor = self.last(self.network.decoded(x)[0])
        return restored


def hidden_blocks(shape: torch.Size, generator: torch.Generator, share: Share = WHOLE) -> Tensor:
    """Draw which voxels of inputs (n, c, [z,] y, x), a share of a batch, are hidden: (n, 1, [z,] y, x), bool.

    Examples
    --------
    >>> hidden = hidden_blocks(torch.Size((1, 3, 20, 32)), torch.Generator().manual_seed(0))
    >>> hidden.shape, bool((hidden[..., :16, :16] == hidden[..., 0, 0]).all())
    (torch.Size([1, 1, 20, 32]), True)
    """
    sides = _BLOCK[len(shape) - 2]
    count = [-(-length // side) for length, side in zip(shape[2:], sides, strict=True)]
    hidden = share.drawn(shape[0], 1, *count, generator=generator) < _HIDDEN
    for axis, (side, length) in enumerate(zip(sides, shape[2:], strict=True), start=2):
        hidden = hidden.repeat_interleave(side, dim=axis).narrow(axis, 0, length)
    return hidden


def restoration_loss(restored: Tensor, x: Tensor, hidden: Tensor, team: Team = ALONE) -> Tensor:
    """Return the mean squared error of hidden voxels: all (n, c, [z,] y, x), `hidden` with one channel."""
    squares = (restored.float() - x).square() * hidden
    return team.ratio(squares.sum(), hidden.sum() * x.shape[1])


def split_plan(plan: Plan) -> tuple[Plan, Plan]:
    """Return the plan with the budget of the pre-training, and the one with the rest."""
    share = plan.choices.pretrain
    if plan.steps is not None and plan.labelled_steps is not None:
        rest = plan.labelled_steps
        return replace(plan, steps=max(1, plan.steps - rest)), replace(plan, steps=rest)
    seconds = plan.seconds or 0.0
    return replace(plan, seconds=share * seconds), replace(plan, seconds=(1 - share) * seconds)


@dataclass
class Pretraining:
    """One pre-training, from its first step or its last checkpoint to the end.

    Parameters
    ----------
    plan
        With its share of the budget; see :func:`split_plan`.
    network
        Is changed.
    patches
        Whose images are looked at, but for what is held out.
    device, folder, work, on_event, wishes, team
        As for :class:`~cristae.training.trainer.Trainer`.
    """

    plan: Plan
    network: UNet | AddedNetwork
    patches: Patches
    device: torch.device
    folder: Path
    work: Mapping[str, Any]
    on_event: Callable[[Event], None]
    wishes: Wishes
    team: Team = ALONE

    def run(self) -> None:
        """Let the network learn to restore; a finished pre-training is taken from its checkpoint."""
        if not isinstance(self.network, UNet):
            raise InvalidInput("A network that was added on this machine is not pre-trained. Set pretrain=0.")
        choices, self._seed = self.plan.choices, self.patches.sampler.seed
        self._format = memory_format(self.network.config.dims, self.device)
        self._restorer = Restorer(self.network, self._seed).to(self.device).to(memory_format=self._format)
        self._optimiser = AdamW(self._restorer, choices.weight_decay)
        config = self.network.config
        self._mixed = self.team.agree(lambda: precision_is_mixed(choices, config, self.device))
        self._schedule = Schedule(self.plan.seconds, self.plan.steps, clock=self.team.now)
        self._batch, self._is_over = choices.batch, False
        self._resume()
        if not self.team.is_alone:
            self._batch = fitting_batch(self._batch, self.team, self._try_step)
            normalise_together(self._restorer, self.team.share.parts)
        while True:
            try:
                self._learn()
                break
            except RuntimeError as error:
                if not ran_out(error):
                    raise
            # Behind the handler, so that no traceback holds the tensors of the failed step any longer.
            self._optimiser.clear()
            give_freed_back()
            if self._batch == 1 or not self.team.is_alone:
                raise OutOfMemory(TOO_LITTLE)
            self._batch //= 2
        self._save()
        # The training proper tries whether a step fits into the memory of each process by itself.
        normalise_alone(self._restorer)

    def _batches(self, batch: int) -> Generator[tuple[int, Tensor, Tensor]]:
        reader = UnlabelledReader(self.patches.regions, self.plan.preprocessing, self.plan.network)
        sampler = UnlabelledSampler(self.patches.regions, self.plan.choices.patch_zyx, self._seed)
        first = self._schedule.step + 1
        return training_batches(reader, sampler, batch, first, self.team.share, device=self.device)

    def _try_step(self, batch: int) -> None:
        batches = self._batches(batch)
        step, x, kinds = next(batches)
        batches.close()
        trial = copy.deepcopy(self._restorer)  # whose statistics may change
        with memory_watched(trial, self.device):
            self._loss(trial, step, x, kinds, ALONE).backward()  # type: ignore[no-untyped-call]

    def _learn(self) -> None:
        schedule, told, saved = self._schedule, 0.0, self.team.now()
        batches = self._batches(self._batch)
        try:
            while schedule.progress < 1 and not self._is_over:
                wish = self.team.wish(self.wishes())
                if wish is Wish.FINISH:  # what it knows by now is where the training begins
                    self._is_over = True
                    continue
                if wish is Wish.STOP:
                    self._save()
                    self.team.meet()  # or else the end of another process would end this one while it saves
                    raise Cancelled("The training was cancelled. Started again, it goes on from here.")
                step, x, kinds = next(batches)
                is_first = self.team.is_alone and schedule.step == schedule.first_step
                with memory_watched(self._restorer, self.device, is_first=is_first):
                    loss = self._step(step, x, kinds)
                schedule.step = step
                if self.team.now() - told >= _TOLD_EVERY_S or schedule.progress >= 1:
                    told = self.team.now()
                    self._tell(loss)
                if self.team.now() - saved >= _SAVED_EVERY_S:
                    saved = self.team.now()
                    self._save()
        finally:
            batches.close()

    def _step(self, step: int, x: Tensor, kinds: Tensor) -> Tensor:
        loss = self._loss(self._restorer, step, x, kinds, self.team)
        self._optimiser.clear()
        loss.backward()  # type: ignore[no-untyped-call]
        self.team.average(self._optimiser.gradients)
        self._optimiser.clip(self.plan.choices.clip)
        self._optimiser.step(learning_rate(self._schedule.progress, self.plan.choices.learning_rate))
        return loss.detach()

    def _loss(self, restorer: Restorer, step: int, x: Tensor, kinds: Tensor, team: Team) -> Tensor:
        generator = torch.Generator().manual_seed((self._seed * 1_000_003 + step) % 2**63)
        hidden = hidden_blocks(x.shape, generator, self.team.share)
        factors = self.plan.choices.downsample_zyx[-self.network.config.dims :]
        seen = (kinds != UNKNOWN)[(slice(None), *(slice(None, None, factor) for factor in factors))]
        x, hidden, seen = x.to(self.device), hidden.to(self.device), seen[:, None].to(self.device)
        restorer.train()
        shown = x.masked_fill(hidden, 0.0).contiguous(memory_format=self._format)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._mixed):
            restored = restorer(shown)
        return restoration_loss(restored, x, hidden & seen, team)

    def _tell(self, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            raise TrainingDivergedError(
                "The pre-training went astray: its loss is no number any more. Train again with a lower "
                "learning rate, or with pretrain=0."
            )
        schedule = self._schedule
        detail = f"step {schedule.step} of {schedule.expected_steps}, error {float(loss):.2f}"
        share = self.plan.choices.pretrain
        left = schedule.seconds_left
        left = None if left is None else left / share  # the training proper comes behind
        self.on_event(Progress("Pre-training", schedule.progress * share, left, detail))

    def _save(self) -> None:
        parts = {"restorer": self._restorer.state_dict(), "optimiser": self._optimiser.state()}
        numbers = {
            "step": self._schedule.step,
            "spent_s": self._schedule.elapsed_s,
            "batch": self._batch,
            "is_over": self._is_over,
            "mixed": self._mixed,
            "device": self.device.type,
        }
        if not self.team.leads:
            return
        save_checkpoint(self.folder, Checkpoint.of_parts(parts, numbers), self.work)

    def _resume(self) -> None:
        found, told = load_checkpoint(self.folder, self.work) if self.team.leads else (None, ())
        found = self.team.handed_out(found)
        for sentence in told:
            self.on_event(Note(sentence, is_warning=True))
        if found is None:
            return
        self._restorer.load_state_dict(found.part("restorer", self.device))
        self._optimiser.load_state(found.part("optimiser", self.device))
        step, self._batch = int(found.numbers["step"]), int(found.numbers["batch"])
        spent, self._is_over = float(found.numbers["spent_s"]), bool(found.numbers.get("is_over"))
        if found.numbers.get("device") == self.device.type:  # or else the result would depend on the break
            self._mixed = bool(found.numbers["mixed"])
        self._schedule = Schedule(self.plan.seconds, self.plan.steps, step, spent, step, self.team.now)
