"""The little that the command line asks of a running server."""

import json

import grpc
import psutil

from cristae.errors import CristaeError, NotFound, Unsupported
from cristae.settings import Home
from cristae.v1 import jobs_pb2, jobs_pb2_grpc

DEADLINE_S = 30.0


class ServerRefusedError(CristaeError):
    """The server's own sentence, or that it did not answer."""


def cancel(home: Home, job_id: str) -> str:
    """Ask the server that runs on a home to end a job; return the job's state then, such as "CANCELLING".

    Raises
    ------
    NotFound
        No server runs on this home.
    Unsupported
        It listens with TLS, where only the clients that know its certificate may call.
    ServerRefusedError
        It said no, or nothing.
    """
    try:
        record = json.loads(home.server_file.read_text(encoding="utf-8"))
        token = home.token_file.read_text(encoding="ascii").strip()
        is_running = psutil.pid_exists(int(record["pid"]))
    except (OSError, ValueError, KeyError):
        is_running = False
    if not is_running:
        raise NotFound(
            f"No server runs on {home.root}, so nothing runs that could be cancelled. "
            "Start it with `cristae serve`, then cancel; it takes its jobs up again."
        )
    if record.get("tls"):
        raise Unsupported("The server listens with TLS; cancel the job in Fiji (Plugins > Cristae > Jobs).")
    with grpc.insecure_channel(record["address"]) as channel:
        try:
            job = jobs_pb2_grpc.JobsStub(channel).CancelJob(
                jobs_pb2.CancelJobRequest(job_id=job_id),
                metadata=[("authorization", f"Bearer {token}")],
                timeout=DEADLINE_S,
            )
        except grpc.RpcError as refusal:
            details = refusal.details() if isinstance(refusal, grpc.Call) else None
            raise ServerRefusedError(details or "The server did not answer. Try again.") from refusal
    return jobs_pb2.JobState.Name(job.state).removeprefix("JOB_STATE_")
