"""``cristae jobs``: what the server does and did."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from cristae.commands.arguments import Commands, add_action, add_json, home_of, new_command, wants_json
from cristae.commands.reporting import duration
from cristae.commands.tables import moment, table
from cristae.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from cristae.jobs.journal import Journal
    from cristae.jobs.records import JobRecord

DESCRIPTION = """\
List, show, finish, cancel and delete the jobs of the server of this home folder. The list is read from the
journal, so no server need run; to change something, it must. A training that is to finish ends early and
keeps the best that it has. A job that is deleted is forgotten with its log and what it kept to go on from;
models and images that it made stay. A job is named by its id; the first characters are enough.
"""
EXAMPLE = """\
  cristae jobs
  cristae jobs show 1b4e28ba
  cristae jobs finish 1b4e28ba
  cristae jobs cancel 1b4e28ba
  cristae jobs delete 1b4e28ba
"""
SHORT = 8
LEAST = 4
SHOWN = 200


def add_to(commands: Commands) -> None:
    """Add the command."""
    command = new_command(
        commands,
        "jobs",
        summary="list, show, finish, cancel and delete jobs",
        description=DESCRIPTION,
        example=EXAMPLE,
    )
    add_json(command)
    actions = command.add_subparsers(metavar="list | show ID | finish ID | cancel ID | delete ID")
    add_action(actions, "list", f"list the newest {SHOWN} jobs and all that wait or run (default)", list_jobs)
    add_action(actions, "show", "show one job and what it told", show_job, operand="ID")
    finishing = "ask the running server to end a training early and keep the best"
    add_action(actions, "finish", finishing, finish_job, operand="ID")
    add_action(actions, "cancel", "ask the running server to end a job", cancel_job, operand="ID")
    add_action(actions, "delete", "forget a job that has ended", delete_job, operand="ID")
    command.set_defaults(run=list_jobs)


def list_jobs(arguments: argparse.Namespace) -> int:
    """Print the jobs."""
    with journal_of(arguments) as journal:
        jobs = [] if journal is None else _listed(journal)
    if wants_json(arguments):
        print(json.dumps({"jobs": [_facts(job) for job in jobs]}))
        return 0
    if not jobs:
        print("There are no jobs.")
        return 0
    rows = [
        [j.job_id[:SHORT], j.kind, j.title, j.state.lower(), _how_far(j), moment(j.created_s)] for j in jobs
    ]
    print(table(["id", "kind", "title", "state", "progress", "submitted"], rows))
    _tell_if_they_stand_still(arguments, jobs)
    return 0


def show_job(arguments: argparse.Namespace) -> int:
    """Print one job and its notes."""
    from cristae.events import Note, PlanMade

    with journal_of(arguments) as journal:
        job = find_job(journal, arguments.name)
        events = [] if journal is None else journal.events(job.job_id, count=job.last_sequence + 1)
    bodies = [event.body for event in events]
    notes = [body.sentence for body in bodies if isinstance(body, Note)]
    plan = next((list(body.sentences) for body in bodies if isinstance(body, PlanMade)), [])
    if wants_json(arguments):
        print(json.dumps({**_facts(job), "plan": plan, "notes": notes}))
        return 0
    print(f"{job.job_id}: {job.title}, {job.kind}, {job.state.lower()}, attempt {job.attempt}")
    print(f"submitted {moment(job.created_s)}" + (f", ended {moment(job.ended_s)}" if job.ended_s else ""))
    print("\n".join([_how_far(job), *(f"  - {sentence}" for sentence in plan), *notes]))
    _tell_if_they_stand_still(arguments, [job])
    return 0


def cancel_job(arguments: argparse.Namespace) -> int:
    """Ask the server to end a job."""
    from cristae.service.client import cancel

    job = _named(arguments)
    state = job.state.value if job.state.is_end else cancel(home_of(arguments), job.job_id)
    return _told(arguments, job, f"is {state.lower()}", {"job_id": job.job_id, "state": state})


def finish_job(arguments: argparse.Namespace) -> int:
    """Ask the server to end a training early and keep the best."""
    from cristae.jobs.finishing import refuse_to_finish
    from cristae.service.client import Address, Client

    job = _named(arguments)
    refuse_to_finish(job)
    with Client(Address.of_home(home_of(arguments))) as client:
        client.finish(job.job_id)
    facts = {"job_id": job.job_id, "state": job.state.value}
    return _told(arguments, job, "ends early and keeps the best", facts)


def delete_job(arguments: argparse.Namespace) -> int:
    """Ask the server to forget a job that has ended."""
    from cristae.jobs.finishing import refuse_to_forget
    from cristae.service.client import Address, Client

    job = _named(arguments)
    refuse_to_forget(job)
    with Client(Address.of_home(home_of(arguments))) as client:
        client.delete_job(job.job_id)
    return _told(arguments, job, "is deleted", {"deleted": job.job_id})


def _named(arguments: argparse.Namespace) -> "JobRecord":
    with journal_of(arguments) as journal:
        return find_job(journal, arguments.name)


def _told(arguments: argparse.Namespace, job: "JobRecord", what: str, facts: dict[str, str]) -> int:
    if wants_json(arguments):
        print(json.dumps(facts))
    else:
        print(f"The job {job.job_id[:SHORT]} ({job.title}) {what}.")
    return 0


def _listed(journal: "Journal") -> "list[JobRecord]":
    """Return the newest jobs, and behind them every older one that has not ended: it may run for weeks."""
    newest = journal.newest(SHOWN)
    oldest = newest[-1].number if newest else 0
    return newest + [job for job in reversed(journal.open_jobs()) if job.number < oldest]


@contextmanager
def journal_of(arguments: argparse.Namespace) -> "Iterator[Journal | None]":
    """Open the journal of the home, if there is one."""
    from cristae.jobs.journal import Journal

    path = home_of(arguments).journal_file
    if not path.exists():
        yield None
        return
    with closing(Journal(path, to_read=True)) as journal:
        yield journal


def find_job(journal: "Journal | None", name: str) -> "JobRecord":
    """Return the job whose id begins so.

    Raises
    ------
    NotFound
        There is none.
    InvalidInput
        It could be several.
    """
    wanted = name.lower()
    if len(wanted) < LEAST:
        raise InvalidInput(f"'{wanted}' is too short for a job; give at least {LEAST} characters of its id.")
    found = [] if journal is None else [j for j in journal.newest(10**9) if j.job_id.startswith(wanted)]
    if not found:
        raise NotFound(f"There is no job '{wanted}'. `cristae jobs` lists those that are there.")
    if len(found) > 1:
        raise InvalidInput(f"'{wanted}' could be {len(found)} jobs; give more characters of the id.")
    return found[0]


def _tell_if_they_stand_still(arguments: argparse.Namespace, jobs: "Sequence[JobRecord]") -> None:
    """Say that jobs wait for a server: the journal shows them as they were when it was killed."""
    home = home_of(arguments)
    if all(job.state.is_end for job in jobs) or home.server_runs():
        return
    print(
        f"No server runs on {home.root}: what has not ended stands still, and goes on when "
        "Fiji or `cristae serve` starts one.",
        file=sys.stderr,
    )


def _how_far(job: "JobRecord") -> str:
    if job.error is not None:
        return job.error.sentence
    if job.state.is_end or job.progress is None:
        return ""
    left = job.progress.seconds_left
    return f"{job.progress.fraction * 100:.0f} %" + ("" if left is None else f", about {duration(left)} left")


def _facts(job: "JobRecord") -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "kind": job.kind,
        "title": job.title,
        "state": job.state.value,
        "attempt": job.attempt,
        "created_s": job.created_s,
        "started_s": job.started_s,
        "ended_s": job.ended_s,
        "fraction": None if job.progress is None else job.progress.fraction,
        "error": None if job.error is None else {"code": job.error.code, "sentence": job.error.sentence},
        "model": None if job.result is None else job.result.model_name or None,
        "outputs": {} if job.result is None else dict(job.result.outputs),
        "files": [] if job.result is None else [file.name for file in job.result.files],
    }
