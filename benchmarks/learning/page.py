"""The page of the comparison of learners: what was measured, and what each choice is worth."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import mean, stdev
from typing import Any

Notes = Sequence[Mapping[str, Any]]

_CLEAR = 2.0
"""A difference is told from chance when it is so many times its standard error."""


def page(notes: Notes) -> str:
    """Return the page: for each split a table of learners and budgets, and one of single choices."""
    notes = [{**note, "budget": _told_budget(note)} for note in notes]
    lines = [
        "# Learning from few labels, side by side",
        "",
        "Written by `benchmarks/learning/run.py` from `learning.jsonl`, with every run. Mean and,",
        "with more than one seed, standard deviation. Minutes are those of the training; nnU-Net's do not",
        "count its preprocessing, Cristae's count everything. nnU-Net always predicts with mirror images.",
        "Runs with a budget of steps may have shared the machine with others: their seconds say nothing.",
        "Budgets that are marked as *older* are of when the program's own choice was augment_sections=light,",
        "which changes nothing in volumes. Minutes on a processor without bfloat16 arithmetic say so: a step",
        "takes several times as long there.",
    ]
    for name in sorted({note["split"] for note in notes}):
        of_split = [note for note in notes if note["split"] == name]
        lines += ["", f"## {name}: {of_split[0]['question']}", "", *_learners(of_split)]
        for budget in sorted({note["budget"] for note in of_split if note["choices"]}):
            runs = [n for n in of_split if n["budget"] == budget and n["learner"] == "cristae"]
            lines += _choices(name, budget, runs)
    machines = sorted({f"{note['machine']} ({note['day']})" for note in notes})
    return "\n".join([*lines, "", "Measured on: " + "; ".join(machines) + "."]) + "\n"


def _told_budget(note: Mapping[str, Any]) -> str:
    """Return the budget, marked if the program's own choices were others then."""
    is_older = note["learner"] == "cristae" and "defaults" not in note
    return f"{note['budget']}, *older*" if is_older else str(note["budget"])


def _learners(notes: Notes) -> list[str]:
    """Return the table of what was learned as the program makes it, and what nothing of that is beside."""
    rows = defaultdict(list)
    with_own = {(note["learner"], note["budget"]) for note in notes if not note["choices"]}
    for note in notes:
        if not note["choices"] or (note["learner"], note["budget"]) not in with_own:
            learner = " ".join([note["learner"], note["choices"]]).strip()
            rows[learner, note["budget"], note["way"]].append(note)
    titles = [
        "learner",
        "budget",
        "predicted",
        "seeds",
        "Dice",
        "IoU",
        "steps",
        "training, s",
        "prediction, s",
    ]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for (learner, budget, way), runs in sorted(rows.items()):
        dice, iou = (_spread([run[key] for run in runs]) for key in ("dice", "iou"))
        steps, *seconds = (mean(run[key] for run in runs) for key in ("steps", "train_s", "predict_s"))
        lines.append(
            f"| {learner} | {budget} | {way} | {len(runs)} | {dice} | {iou} "
            f"| {steps:.0f} | {seconds[0]:.0f} | {seconds[1]:.0f} |"
        )
    return lines


def _choices(split: str, budget: str, notes: Notes) -> list[str]:
    """Return the table of single choices, each against the program's own ones with the same budget."""
    found: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for note in notes:
        found[note["choices"]][note["way"]][note["seed"]] = note["iou"]
    own = found.pop("", None)
    if own is None:
        return []
    deviation = pooled([list(ways[way].values()) for ways in (own, *found.values()) for way in ways])
    scatter = [
        "One seed of each: how far seeds scatter is not known, and what may be chance is not told.",
    ]
    if deviation is not None:
        scatter = [
            f"Seeds of one choice scatter by {deviation:.3f} (pooled standard deviation): a difference of",
            f"less than {_CLEAR:g} standard errors may be chance, and is not called one.",
        ]
    lines = [
        "",
        f"### What each choice is worth: {split}, {budget}",
        "",
        "Mean IoU, and the difference to the program's own choices in the first line.",
        *scatter,
        "",
        "| choice | seeds | plain | difference | with mirror images | difference |",
        "|---|---|---|---|---|---|",
    ]
    for name, ways in ({"(the program's own)": own} | dict(sorted(found.items()))).items():
        cells = [f"| {name} | {len(ways['plain'])}"]
        for way in ("plain", "flips"):
            cells.append(f"{mean(ways[way].values()):.3f}" if ways[way] else "")
            cells.append("" if ways is own else difference(ways[way], own[way], deviation))
        lines.append(" | ".join(cells) + " |")
    plain, flips = (list(own[way].values()) for way in ("plain", "flips"))
    if flips:
        gain = mean(flips) - mean(plain)
        lines += ["", f"Mirror images at prediction, which cost four times its time: {gain:+.3f}."]
    return lines


def difference(
    values: Mapping[int, float], own: Mapping[int, float], deviation: float | None, better: int = 1
) -> str:
    """Return the difference of two means, and whether it is one; `better` is -1 where less is better."""
    if not values or not own:
        return ""
    apart = mean(values.values()) - mean(own.values())
    if deviation is None:
        return f"{apart:+.3f}"
    error = deviation * sqrt(1 / len(values) + 1 / len(own))
    if abs(apart) < _CLEAR * error:
        return f"{apart:+.3f} (within chance)"
    return f"{apart:+.3f} **{'better' if apart * better > 0 else 'worse'}**"


def pooled(groups: Sequence[Sequence[float]]) -> float | None:
    """Return the standard deviation within groups; None if none has two values."""
    free = sum(len(group) - 1 for group in groups)
    squares = sum((value - mean(group)) ** 2 for group in groups for value in group)
    return sqrt(squares / free) if free else None


def _spread(values: Sequence[float]) -> str:
    """Return mean and standard deviation."""
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")
