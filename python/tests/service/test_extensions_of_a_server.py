"""What the owner of a server's home adds: told as features, checked with a job, used by workers."""

import pytest
from running import RunningServer, training

from cristae.errors import InvalidInput
from cristae.v1 import jobs_pb2

LOSS = """
import cristae
from cristae.training.losses import cross_entropy

print("Files may print what they like.")
cristae.register_loss("own", lambda answers: 2 * cross_entropy(answers))
"""


def with_file(home, text):
    folder = home / "extensions"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "mine.py").write_text(text)
    (folder / "mine.py").chmod(0o600)
    return home


@pytest.mark.slow
def test_an_added_loss_is_told_checked_and_trained_with(tmp_path):
    with (
        RunningServer(with_file(tmp_path / "home", LOSS), real_work=True) as server,
        server.client() as client,
    ):
        small = {"features": "4", "levels": "2", "batch": "2", "patch_zyx": "1,32,32"}
        with pytest.raises(InvalidInput, match=r"loss is one of dice_ce, .*, own, not 'other'"):
            client.submit_training(training(client, settings={"loss": "other"}))
        assert "loss.own" in client.server().features
        job = client.submit_training(training(client, steps=2, settings={"loss": "own", **small}))
        done = client.wait(job.job_id)
        assert done.state == jobs_pb2.JOB_STATE_DONE, done


@pytest.mark.slow
def test_a_loss_that_is_added_mended_or_taken_away_while_a_server_runs_is_known_to_it(tmp_path):
    home = tmp_path / "home"
    with RunningServer(home) as server, server.client() as client:
        with pytest.raises(InvalidInput, match=r"loss is one of dice_ce, .*, not 'own'"):
            client.submit_training(training(client, settings={"loss": "own"}))
        with_file(home, "import cristae\n\ncristae.register_loss(own)\n")
        with pytest.raises(InvalidInput, match=r"mine\.py, line 3: NameError"):
            client.submit_training(training(client, settings={"loss": "own"}))
        (home / "extensions" / "mine.py").write_text(LOSS)
        job = client.submit_training(training(client, settings={"loss": "own"}))
        assert client.wait(job.job_id).state == jobs_pb2.JOB_STATE_DONE
        assert "loss.own" in client.server().features
        (home / "extensions" / "mine.py").unlink()
        with pytest.raises(InvalidInput, match=r"loss is one of dice_ce, .*, not 'own'"):
            client.submit_training(training(client, settings={"loss": "own"}))


def test_a_pre_training_of_an_added_network_is_refused_before_it_is_queued(tmp_path):
    register = 'import cristae\nimport torch\n\ncristae.register_network("plain", torch.nn.Identity)\n'
    with RunningServer(with_file(tmp_path / "home", register)) as server, server.client() as client:
        with pytest.raises(InvalidInput, match=r"pretrain=0\.5 is for .* not for 'plain'"):
            client.submit_training(training(client, settings={"learner": "plain", "pretrain": "0.5"}))
        assert client.jobs() == []


def test_a_server_runs_without_a_file_that_has_an_error_and_says_so_to_who_needs_it(tmp_path):
    home = with_file(tmp_path / "home", "import cristae\n\ncristae.register_loss(own)\n")
    with RunningServer(home) as server, server.client() as client:
        with pytest.raises(InvalidInput, match=r"mine\.py, line 3: NameError") as refused:
            client.submit_training(training(client, settings={"loss": "own"}))
        assert str(tmp_path) not in refused.value.sentence
        assert not any(feature.startswith("loss.") for feature in client.server().features)
        job = client.submit_training(training(client, model="plain"))
        assert client.wait(job.job_id).state == jobs_pb2.JOB_STATE_DONE
