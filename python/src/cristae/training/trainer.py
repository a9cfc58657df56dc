"""The loop: one story from fresh weights to the averaged ones that predict best."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cristae.errors import Cancelled, OutOfMemory
from cristae.events import Event, Note, Progress
from cristae.memory import ran_out
from cristae.networks import AddedNetwork, UNet
from cristae.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from cristae.training.choices import Choices
from cristae.training.data import training_batches
from cristae.training.divergence import TrainingDivergedError, advice, check_weights, checked_loss
from cristae.training.fitting import TOO_LITTLE, fitting_batch
from cristae.training.pace import (
    ENOUGH_STEPS,
    FEWEST_PATCHES,
    Measured,
    Pace,
    batch_with_enough_steps,
    give_freed_back,
    memory_watched,
    minutes_for_enough_steps,
    resident_bytes,
)
from cristae.training.patches import Patches
from cristae.training.plan import Plan
from cristae.training.precision import precision_is_mixed
from cristae.training.preview import Preview
from cristae.training.schedule import FEW_STEPS, Ending, Schedule, learning_rate
from cristae.training.selection import Selection
from cristae.training.stepper import Stepper
from cristae.training.team import ALONE, Team
from cristae.training.telling import ending_told, pace_told, too_few_steps_told, too_few_told
from cristae.training.validation import steps_between
from cristae.training.wishes import Wish, Wishes

_CHECKPOINT_EVERY_S = 60.0
_TOLD_EVERY_S = 1.0
_SLOWER = 0.25
"""After a divergence the training goes on with this share of its learning rate."""


@dataclass
class Trainer:
    """One training, from its first step or its last checkpoint to the end.

    Parameters
    ----------
    plan
        What to do.
    network
        With its first weights.
    patches
        What the batches are drawn from.
    validation
        Fixed patches, input and targets; may be empty.
    preview
        The picture that looks on while they are predicted; None without them.
    device
        Where to compute.
    folder, work
        Where checkpoints go, and what tells this training from others.
    on_event
        As for :func:`cristae.training.train`.
    wishes
        Who is asked before every step whether it is to go on.
    team
        The processes that train together; each computes its share of every batch.

    Attributes
    ----------
    selection
        Figures, curve and the best weights so far.
    schedule
        How far it is.
    """

    plan: Plan
    network: UNet | AddedNetwork
    patches: Patches
    validation: Sequence[tuple[Tensor, Tensor]]
    preview: Preview | None
    device: torch.device
    folder: Path
    work: Mapping[str, Any]
    on_event: Callable[[Event], None]
    wishes: Wishes
    team: Team = ALONE

    def __post_init__(self) -> None:
        self.stepper = Stepper(self.plan, self.network, self.patches, self.device, self.team)
        self.schedule = Schedule(self.plan.seconds, self.plan.steps, clock=self.team.now)
        self.selection = Selection(
            self.plan,
            self.network,
            self.patches,
            self.validation,
            self.preview,
            self.device,
            self.on_event,
            self.team,
        )
        self._losses: list[Tensor] = []  # of the steps since the last validation
        self.batch = self.plan.choices.batch
        self._told_pace_of = 0  # patches in a step
        self._before_bytes = resident_bytes()
        self._saved_at = self._told_at = self.team.now()

    def run(self) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Train, and return the weights that predict best with their figures on the validation part."""
        self.resume()
        if not self.team.is_alone:
            self._fit_batch()
            self.stepper.join()
        while True:
            astray = ""
            try:
                self._train()
                return self.selection.chosen(self.stepper.averaged)
            except TrainingDivergedError as error:
                astray = str(error)
            except RuntimeError as error:
                if not ran_out(error):
                    raise
            # Behind the handlers, so that no traceback holds the tensors of the failed step any longer.
            if astray:
                self._go_back(astray)
            else:
                self._halve_batch()

    @property
    def choices(self) -> Choices:
        """The plan's choices, with the batch, the learning rate and the precision that were really used."""
        return replace(
            self.plan.choices,
            batch=self.batch,
            learning_rate=self.stepper.learning_rate,
            precision="bfloat16" if self.stepper.is_mixed else "float32",
        )

    def _train(self) -> None:
        """Take steps to the end of the budget, and validate what came out."""
        schedule = self.schedule
        batches, pace = self.batches(), self._new_pace()
        self.on_event(Progress("Finding how many patches fit", schedule.progress))
        try:
            while schedule.step == 0 or (schedule.progress < 1 and not self._nothing_improves()):
                self.selection.tell()
                wish = self.team.wish(self.wishes())
                if wish is Wish.FINISH and schedule.ending is None:
                    self._end_soon()
                if wish is Wish.STOP:
                    self._save()
                    self.team.meet()  # or else the end of another process would end this one while it saves
                    raise Cancelled("The training was cancelled. Started again, it goes on from here.")
                with memory_watched(self.network, self.device, is_first=self._is_to_be_watched()):
                    self._losses.append(self.advance(batches))
                self._tell()
                measured = pace.stepped()
                if measured is not None and self._steps_are_too_few(measured):
                    batches.close()
                    batches, pace = self.batches(), self._new_pace()
                elif measured is not None:
                    self._tell_pace(measured)
                if self._validation_is_due():
                    self._validate()
                if self.team.now() - self._saved_at >= _CHECKPOINT_EVERY_S:
                    self._save()
        finally:
            batches.close()
            self.stepper.close()
        if not self._told_pace_of and schedule.elapsed_s > 0:  # it ended before the pace was known
            self._warn_of_few_steps(schedule.step, schedule.elapsed_s / schedule.step)
        if self.selection.last_step < schedule.step:
            self._validate()
        self._save()

    def batches(self) -> Generator[tuple[int, Tensor, Tensor]]:
        """Yield the next step's number, input and targets for ever; close it behind the last one."""
        patches, first = self.patches, self.schedule.step + 1
        return training_batches(
            patches.reader,
            patches.sampler,
            self.batch,
            first,
            self.team.share,
            device=self.device,
        )

    def advance(self, batches: Iterator[tuple[int, Tensor, Tensor]]) -> Tensor:
        """Take the next step, and return its loss."""
        step, x, targets = next(batches)
        loss = self.stepper.take(step, x, targets, self.batch, self.schedule.progress)
        self.schedule.step = step
        return loss

    def _end_soon(self) -> None:
        """Let the learning rate run out from here; whoever goes on from the checkpoint does so too."""
        ending = self.schedule.end_soon()
        self._save()
        self.on_event(Note(ending_told(ending, self.schedule.expected_steps)))

    def _is_to_be_watched(self) -> bool:
        """Tell whether the next step may lack memory; several processes have tried before."""
        return self.team.is_alone and self.schedule.step == self.schedule.first_step

    def _steps_are_too_few(self, measured: Measured) -> bool:
        """Make the batch smaller on a slow machine, once, and tell whether it was done."""
        schedule, planned = self.schedule, self.plan.choices.batch
        if schedule.first_step > 0 or self.batch != planned or schedule.ending is not None:
            return False
        self.batch = batch_with_enough_steps(planned, measured, schedule)
        if self.batch == planned:
            return False
        seen = f"each sees {self.batch} patch{'es' if self.batch > 1 else ''} instead of the {planned}"
        self.on_event(Note(f"Steps are slow here: {seen} that were planned, so that there are more of them."))
        return True

    def _new_pace(self) -> Pace:
        return Pace(self.device, self.team, self._before_bytes)

    def _tell_pace(self, measured: Measured) -> None:
        """Say once what a step of so many patches takes."""
        if self._told_pace_of != self.batch:
            alike = self.plan.choices.pseudo == "off"  # or else later steps take longer
            self.on_event(Note(pace_told(measured, self.schedule if alike else None)))
            self._warn_of_few_steps(round(self.schedule.steps_at(measured.seconds)), measured.seconds)
        self._told_pace_of = self.batch

    def _warn_of_few_steps(self, steps: int, seconds_a_step: float) -> None:
        """Warn of a budget with which hardly anything can be learned here."""
        if self.schedule.ending is not None or steps >= FEW_STEPS:
            return
        seconds_a_step *= min(1.0, FEWEST_PATCHES / self.batch)  # with more time it would be made smaller
        told = (
            too_few_steps_told(steps, ENOUGH_STEPS)
            if self.schedule.seconds is None
            else too_few_told(steps, minutes_for_enough_steps(seconds_a_step))
        )
        self.on_event(Note(told, is_warning=True))

    def _tell(self) -> None:
        now = self.team.now()
        if now - self._told_at < _TOLD_EVERY_S and self.schedule.step > 1:
            return
        self._told_at = now
        loss = checked_loss(self._losses[-1], self.schedule.step)
        step, steps = self.schedule.step, self.schedule.expected_steps
        about = "" if self.plan.steps is not None or self.schedule.ending is not None else "about "
        detail = f"step {step} of {about}{steps}, loss {loss:.2f}"
        if "dice" in self.selection.best_values:
            detail += f", Dice {self.selection.best_values['dice']:.3f}"
        self.on_event(Progress("Training", self.schedule.progress, self.schedule.seconds_left, detail))

    def _go_back(self, astray: str) -> None:
        """Return to the last good state and go on with smaller steps; the second time, give up."""
        tried = self.stepper.learning_rate
        found, _ = self._loaded()
        if tried < self.plan.choices.learning_rate or found is None:
            raise TrainingDivergedError(f"{astray} {advice(self.plan.choices, tried)}")
        self._restore(found, self.schedule.elapsed_s)
        self.stepper.learning_rate = tried * _SLOWER
        self._save()
        self.on_event(
            Note(
                f"{astray} It goes on from step {self.schedule.step} with the learning rate "
                f"{self.stepper.learning_rate:g} instead of {tried:g}.",
                is_warning=True,
            )
        )

    def _fit_batch(self) -> None:
        """Make the batch so small that no process will lack memory."""

        def try_step(batch: int) -> None:
            first = self.schedule.step + 1
            batches = training_batches(
                self.patches.reader, self.patches.sampler, batch, first, self.team.share
            )
            _, x, targets = next(batches)
            batches.close()
            self.stepper.try_out(x, targets)

        planned, self.batch = self.batch, fitting_batch(self.batch, self.team, try_step)
        if self.batch < planned:
            self._tell_batch(planned)

    def _halve_batch(self) -> None:
        """Go on with half the patches in a step, because the memory did not suffice."""
        self.stepper.clear()
        give_freed_back()
        if not self.team.is_alone:
            raise OutOfMemory(
                f"The memory of a device does not suffice any more for its {self.batch} patches in a step. "
                "Set a smaller batch, or close other programs that use it and start the same command again."
            )
        if self.batch == 1:
            raise OutOfMemory(TOO_LITTLE)
        before, self.batch = self.batch, self.batch // 2
        self._tell_batch(before)

    def _tell_batch(self, before: int) -> None:
        told = f"The device's memory does not suffice for {before} patches in a step"
        self.on_event(
            Note(f"{told}: from step {self.schedule.step + 1} on, it is {self.batch}.", is_warning=True)
        )

    def _validation_is_due(self) -> bool:
        every = steps_between(
            self.validation, self.choices, self.plan.network.in_channels, self.schedule.expected_steps
        )
        return self.schedule.step - self.selection.last_step >= every

    def _nothing_improves(self) -> bool:
        if self.schedule.ending is not None:  # it ends soon anyway, and better if its learning rate runs out
            return False
        return self.selection.nothing_improves(self.schedule.step, self.schedule.expected_steps)

    def _validate(self) -> None:
        schedule = self.schedule
        values = {"learning_rate": learning_rate(schedule.progress, self.stepper.learning_rate)}
        if self._losses:
            values["loss"] = checked_loss(torch.stack(self._losses).mean(), schedule.step)
        check_weights(self.stepper.weights, self.schedule.step)
        self.selection.take(schedule.step, values, self.stepper.averaged)
        self._losses.clear()

    def _save(self) -> None:
        check_weights(self.stepper.weights, self.schedule.step)
        self._saved_at = self.team.now()
        if not self.team.leads:
            return
        parts = self.stepper.parts() | {
            "best": self.selection.best,
            "losses": {"since": torch.stack(self._losses)} if self._losses else {},
        }
        numbers = {
            "step": self.schedule.step,
            "spent_s": self.schedule.elapsed_s,
            "last_validation": self.selection.last_step,
            "batch": self.batch,
            "learning_rate": self.stepper.learning_rate,
            "mixed": self.stepper.is_mixed,
            "device": self.device.type,
            "best_values": self.selection.best_values,
            "best_step": self.selection.best_step,
            "history": self.selection.history,
            "ending": None if self.schedule.ending is None else asdict(self.schedule.ending),
        }
        save_checkpoint(self.folder, Checkpoint.of_parts(parts, numbers), self.work)

    def resume(self) -> None:
        """Go on from the last checkpoint of this training, or save the first state, to go back to."""
        found, told = self._loaded()
        for sentence in told:
            self.on_event(Note(sentence, is_warning=True))
        if found is None:
            self.stepper.is_mixed = self._pays_to_mix()
            self._save()
            self.schedule = Schedule(self.plan.seconds, self.plan.steps, clock=self.team.now)
            return
        if found.numbers["device"] != self.device.type:
            self.stepper.is_mixed = self._pays_to_mix()
        self._restore(found, float(found.numbers["spent_s"]))
        if self.schedule.step > 0:
            self.on_event(Note(f"The training goes on from step {self.schedule.step}."))
        if self.schedule.ending is not None:
            self.on_event(Note(ending_told(self.schedule.ending, self.schedule.expected_steps)))

    def _loaded(self) -> tuple[Checkpoint | None, tuple[str, ...]]:
        """Return the last checkpoint, the leader's for all, and why others were passed over."""
        found, told = load_checkpoint(self.folder, self.work) if self.team.leads else (None, ())
        return self.team.handed_out(found), told

    def _pays_to_mix(self) -> bool:
        choices, config = self.plan.choices, self.network.config
        return self.team.agree(lambda: precision_is_mixed(choices, config, self.device))

    def _restore(self, found: Checkpoint, spent_s: float) -> None:
        numbers = found.numbers
        self.stepper.restore(found)
        selection = self.selection
        selection.best = found.part("best", self.device)
        losses = found.part("losses", self.device)
        self._losses = list(losses["since"]) if losses else []
        step = int(numbers["step"])
        # A checkpoint of before the wish to end does not take it back.
        told = numbers.get("ending")
        ending = self.schedule.ending if told is None else Ending(**told)
        self.schedule = Schedule(
            self.plan.seconds, self.plan.steps, step, spent_s, step, self.team.now, ending
        )
        selection.last_step = int(numbers["last_validation"])
        self.batch, self.stepper.learning_rate = int(numbers["batch"]), float(numbers["learning_rate"])
        if numbers["device"] == self.device.type:  # or else the result would depend on the interruption
            self.stepper.is_mixed = bool(numbers["mixed"])
        selection.best_values, selection.best_step = dict(numbers["best_values"]), int(numbers["best_step"])
        selection.history = [dict(values) for values in numbers["history"]]
