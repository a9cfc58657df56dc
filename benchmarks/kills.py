"""What a kill costs a prediction by several processes: twenty of them, at random moments.

See ``together/kills.py`` for what is done. Half of the kills hit a prediction by processes of this machine
(``--local-workers``), half one by the workers of a Dask cluster (``--scheduler``). The network sleeps, so
that at each moment something is under way.

    python benchmarks/kills.py [--moments 20] [--seed 1]
"""

import argparse
import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

from cristae.computing import prepare_to_compute

prepare_to_compute()  # as commands and workers do, before torch is loaded

from together.kills import WORKERS, Outcome, survive
from together.prepared import prepare, unbroken

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "kills.md"
SHAPE = (128, 1024, 1024)
SLEEP_S = 1.0


def measure(folder: Path, moments: int, seed: int) -> dict[str, Outcome]:
    """Return what half of the kills did to each way."""
    subject = prepare(folder, SHAPE)
    whole = unbroken(subject, folder / "whole")
    outcomes = {}
    for way in ("processes of this machine", "workers of a Dask cluster"):
        place = folder / way
        place.mkdir()
        by_dask = "Dask" in way
        outcomes[way] = survive(
            subject, place, whole, moments=moments // 2, sleep_s=SLEEP_S, seed=seed, by_dask=by_dask
        )
        print(way, outcomes[way], flush=True)
    return outcomes


def page(outcomes: dict[str, Outcome], moments: int, seed: int) -> str:
    """Return what was measured as a page."""
    machine = f"{platform.system()}, {os.cpu_count()} CPU cores, Python {platform.python_version()}"
    rows = "\n".join(
        f"| {way} | {', '.join(f'{kind} {count}' for kind, count in sorted(o.kills.items()))} | {o.starts} "
        f"| {o.under_way} | {o.redone} | {'yes' if o.is_same else 'no'} | {o.left} |"
        for way, o in outcomes.items()
    )
    units = next(iter(outcomes.values())).units
    return f"""# Kills: what they cost a prediction by several processes

Written by `benchmarks/kills.py --moments {moments} --seed {seed}`. {machine},
dask.distributed {version("distributed")}. Shapes are z, y, x.

{moments} times SIGKILL at random moments, to one of the processes by lot: a worker, the main process
(`cristae predict`), the Dask scheduler. The prediction of {" x ".join(map(str, SHAPE))} voxels in {units}
units by {WORKERS} workers was started again where that was needed.

- *under way*: units that a worker had begun and that were not noted as done, added up over all kills;
- *begun again*: how often a unit was begun once more. The goal: not more often than some were under way;
- *same bytes*: whether each block of the result is that of one process that nobody disturbed. The goal: yes;
- *left*: processes that went on computing for a main process that was killed. The goal: 0.

| who predicts | kills | starts | under way | begun again | same bytes | left |
|---|---|---|---|---|---|---|
{rows}
"""


def main() -> int:
    """Kill, print and write the page; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--moments", type=int, default=20, help="at which something is killed")
    parser.add_argument("--seed", type=int, default=1, help="of the moments and of the lot")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = measure(Path(folder), chosen.moments, chosen.seed)
    text = page(outcomes, chosen.moments, chosen.seed)
    print(text)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(text, encoding="utf-8")
    return 0 if all(outcome.is_sound for outcome in outcomes.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
