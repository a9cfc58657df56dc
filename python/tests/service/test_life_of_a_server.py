"""Starting, stopping and restarting a server."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import grpc
import psutil
import pytest
from running import RunningServer, new_id, training

from cristae.errors import InvalidInput
from cristae.service.client import Address
from cristae.service.server import Options, _credentials
from cristae.v1 import jobs_pb2, server_pb2, server_pb2_grpc

TLS = Path(__file__).with_name("tls")


def wait_for_progress(client, job_id):
    while client.job(job_id).progress.fraction == 0:
        time.sleep(0.02)


def test_the_server_says_where_it_is_and_takes_it_back_when_it_ends(tmp_path):
    with RunningServer(tmp_path / "home") as server:
        record = json.loads(server.home.server_file.read_text())
        assert record["address"].startswith("127.0.0.1:")
        assert record["pid"] == server.process.pid
        assert record["command"][0] == sys.executable
        assert server.stop() == 0
        assert not server.home.server_file.exists()
        assert json.loads(server.home.launcher_file.read_text())["command"] == record["command"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a user's profile closed in another way")
@pytest.mark.parametrize("made_by_hand", [False, True])
def test_nothing_in_a_home_can_be_read_by_another_user(tmp_path, made_by_hand):
    root = tmp_path / "home"
    program = "import sys; from cristae.volumes import VolumeStore; VolumeStore(sys.argv[1])"
    subprocess.run([sys.executable, "-c", program, str(root)], check=True)  # the command line is there first
    assert root.stat().st_mode & 0o777 == 0o700
    if made_by_hand:
        root.chmod(0o755)
    with RunningServer(root) as server, server.client() as client:
        client.wait(client.submit_training(training(client, model="mine")).job_id)
        (root / "output.txt").unlink()  # what the test itself wrote
        open_to_others = [path for path in root.rglob("*") if path.stat().st_mode & 0o077]
    assert open_to_others == []


def test_importing_the_service_loads_neither_torch_nor_the_readers_of_files():
    program = (
        "import sys, cristae.service; print(sorted({'torch', 'zarr', 'skimage', 'h5py'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_of_many_racing_starts_exactly_one_wins_and_the_others_say_who(tmp_path):
    root = tmp_path / "home"
    servers = [RunningServer(root, wait=False) for _ in range(6)]
    try:
        deadline = time.monotonic() + 90
        while sum(one.process.poll() is None for one in servers) > 1 and time.monotonic() < deadline:
            time.sleep(0.1)
        (winner,) = [one for one in servers if one.process.poll() is None]
        winner.wait_until_ready()
        assert winner.output().count(f"is in use by the process {winner.process.pid}") == 5
        with winner.client() as client:
            assert client.server().version
    finally:
        for one in servers:
            one.stop()


def test_a_stopped_server_leaves_a_job_that_the_next_one_finishes(tmp_path):
    with RunningServer(tmp_path / "home") as server, server.client() as client:
        running = client.submit_training(training(client, model="running", steps=200))
        waiting = client.submit_training(training(client, model="waiting", steps=3))
        wait_for_progress(client, running.job_id)
        assert server.stop() == 0
        assert server.workers() == []
        server.start()
        assert client.wait(running.job_id).state == jobs_pb2.JOB_STATE_DONE
        assert client.wait(waiting.job_id).state == jobs_pb2.JOB_STATE_DONE
        steps = [e.metrics.step for e in client.watch(running.job_id) if e.WhichOneof("event") == "metrics"]
        assert steps == sorted(set(steps))  # it went on from the checkpoint
        assert client.job(running.job_id).attempt == 2
        assert "Traceback" not in server.output()


def test_a_watcher_hears_that_the_server_stops_and_goes_on_at_the_next(tmp_path):
    with RunningServer(tmp_path / "home") as server, server.client(patience_s=60) as client:
        job = client.submit_training(training(client, steps=120))
        seen = []
        for event in client.watch(job.job_id):
            seen.append(event.sequence)
            if len(seen) == 10:
                server.stop()
                server.start()
        assert seen == sorted(set(seen))
        assert set(seen) >= {event.sequence for event in client.watch(job.job_id)}


def test_a_worker_ends_when_its_server_dies(tmp_path):
    with RunningServer(tmp_path / "home") as server, server.client() as client:
        job = client.submit_training(training(client, steps=3000))
        wait_for_progress(client, job.job_id)
        (worker,) = server.workers()
        server.kill()
        assert worker in psutil.wait_procs([worker], timeout=10)[0]


def test_a_hanging_worker_is_ended_after_ten_seconds(tmp_path):
    with RunningServer(tmp_path / "home") as server, server.client() as client:
        job = client.submit_training(training(client, model="hang"))
        while not server.workers() or client.job(job.job_id).last_sequence < 3:
            time.sleep(0.05)
        time.sleep(0.3)
        began = time.monotonic()
        client.cancel(job.job_id)
        assert client.wait(job.job_id).state == jobs_pb2.JOB_STATE_CANCELLED
        assert 9 < time.monotonic() - began < 60
        assert server.workers() == []


def test_a_job_whose_worker_always_dies_fails_after_the_sixth_death(tmp_path):
    with RunningServer(tmp_path / "home") as server, server.client() as client:
        job = client.submit_training(training(client, model="die always"))
        ended = client.wait(job.job_id)
        assert ended.state == jobs_pb2.JOB_STATE_FAILED
        assert ended.attempt == 6
        assert "broke off 6 times in all" in ended.error.sentence
        assert "Attempt 6" in server.log()  # the worker's last words


def test_a_server_stops_when_the_program_that_wanted_it_has_gone_and_no_job_runs(tmp_path):
    wanted_by = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    limits = {"stop_grace_s": 1.0}
    with RunningServer(tmp_path / "home", stop_with=wanted_by.pid, limits=limits) as server:
        with server.client() as client:
            assert client.server().stops_with_client
            job = client.submit_training(training(client, steps=250))
            wanted_by.communicate(b"\n")
            time.sleep(2.0)
            assert server.process.poll() is None
            assert client.wait(job.job_id).state == jobs_pb2.JOB_STATE_DONE
        assert server.process.wait(20) == 0
        assert not server.home.server_file.exists()


def test_a_server_that_a_program_wants_waits_for_the_one_before_it_to_end(tmp_path):
    with RunningServer(tmp_path / "home") as ending, ending.client() as client:
        job = client.submit_training(training(client, model="hang"))
        while not ending.workers() or client.job(job.job_id).last_sequence < 3:
            time.sleep(0.05)
        time.sleep(0.3)
        ending.process.send_signal(signal.SIGTERM)  # takes ten seconds to end its worker
        with RunningServer(tmp_path / "home", stop_with=os.getpid()):
            assert ending.process.wait(30) == 0
        assert "is in use by" not in ending.output()


def test_a_server_stays_while_another_program_calls_it(tmp_path):
    wanted_by = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    limits = {"stop_grace_s": 1.0}
    with RunningServer(tmp_path / "home", stop_with=wanted_by.pid, limits=limits) as server:
        with server.client() as client:
            wanted_by.communicate(b"\n")
            for _ in range(20):
                time.sleep(0.25)
                client.server()
            assert server.process.poll() is None
        assert server.process.wait(20) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another thing on Windows")
def test_ctrl_c_ends_the_server_in_order(tmp_path):
    with RunningServer(tmp_path / "home") as server:
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(20) == 0
        assert "KeyboardInterrupt" not in server.output()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org"])  # noqa: S104
def test_beyond_loopback_only_with_a_certificate_and_its_key(tmp_path, host):
    present = tmp_path / "present.pem"
    present.write_bytes(b"x")
    for certificate, key in ((None, None), (present, None), (None, present), (present, tmp_path / "missing")):
        with pytest.raises(InvalidInput):
            _credentials(Options(host=host, tls_certificate=certificate, tls_key=key))
    assert _credentials(Options(host="127.0.0.1")) is None
    assert _credentials(Options(host="::1")) is None


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        ("certificate.pem", "other-key.pem", "is not the one of the certificate"),
        ("certificate.pem", "locked-key.pem", "without a password"),
        ("certificate.pem", "certificate.pem", "can be used"),
        ("README.md", "key.pem", "can be used"),
    ],
)
def test_a_certificate_or_key_that_cannot_be_used_is_told_before_the_start(certificate, key, words):
    options = Options(tls_certificate=TLS / certificate, tls_key=TLS / key)
    with pytest.raises(InvalidInput, match=words):
        _credentials(options)


def test_with_a_certificate_the_server_answers_who_trusts_it_and_has_the_token_and_nobody_else(tmp_path):
    files = {"tls_certificate": str(TLS / "certificate.pem"), "tls_key": str(TLS / "key.pem")}
    with RunningServer(tmp_path / "home", **files) as server:
        record = json.loads(server.home.server_file.read_text())
        assert record["tls"] is True
        port = record["address"].rpartition(":")[2]
        trusting = grpc.ssl_channel_credentials((TLS / "certificate.pem").read_bytes())
        token = server.home.token_file.read_text().strip()
        answers = []
        for channel, said in (
            (grpc.secure_channel(f"localhost:{port}", trusting), token),
            (grpc.secure_channel(f"localhost:{port}", trusting), "wrong"),
            (grpc.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials()), token),
            (grpc.insecure_channel(f"localhost:{port}"), token),
        ):
            with channel:
                call = server_pb2_grpc.ServerStub(channel).GetServer
                try:
                    call(
                        server_pb2.GetServerRequest(),
                        metadata=[("authorization", f"Bearer {said}")],
                        timeout=20,
                    )
                    answers.append("OK")
                except grpc.RpcError as error:
                    answers.append(error.code().name)
    assert answers == ["OK", "UNAUTHENTICATED", "UNAVAILABLE", "UNAVAILABLE"]


def test_a_home_of_a_newer_cristae_is_refused_and_not_touched(tmp_path):
    import sqlite3
    from contextlib import closing

    root = tmp_path / "home"
    root.mkdir()
    with closing(sqlite3.connect(root / "journal.sqlite")) as db:
        db.execute("PRAGMA user_version = 99")
    before = (root / "journal.sqlite").read_bytes()
    server = RunningServer(root, wait=False)
    assert server.process.wait(60) != 0
    assert "newer Cristae" in server.output()
    assert (root / "journal.sqlite").read_bytes() == before


def test_a_stale_server_file_does_not_mislead_a_client(tmp_path):
    with RunningServer(tmp_path / "home") as server:
        server.kill()
        assert server.home.server_file.exists()
        with pytest.raises(Exception, match="No server runs"):
            Address.of_home(server.home)


def test_many_waiting_jobs_are_taken_and_found_again(tmp_path):
    with RunningServer(tmp_path / "home", limits={"max_open_jobs": 30}) as server, server.client() as client:
        spec = training(client, steps=3000)
        first = client.submit_training(spec)
        for _ in range(29):
            client.submit_training(spec, new_id())
        with pytest.raises(Exception, match="30 jobs wait or run"):
            client.submit_training(spec, new_id())
        server.kill()
        server.start()
        assert sum(job.state == jobs_pb2.JOB_STATE_QUEUED for job in client.jobs()) >= 29
        assert client.job(first.job_id).state in (jobs_pb2.JOB_STATE_QUEUED, jobs_pb2.JOB_STATE_RUNNING)
