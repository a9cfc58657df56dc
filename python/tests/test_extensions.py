"""What the owner of a home adds in Python files: it works, and what is wrong with it is said."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

import cristae
from cristae import extensions
from cristae.cli import main
from cristae.errors import InvalidInput
from cristae.models import ModelLibrary, ModelPackage
from cristae.training.choices import read_settings

LOSS = """
import cristae
from cristae.training.losses import cross_entropy, dice


def mostly_dice(answers):
    return cross_entropy(answers) + 3 * dice(answers)


cristae.register_loss("mostly_dice", mostly_dice)
"""

NETWORK = """
import cristae
from torch import nn


class Plain(nn.Module):
    maps, halo_zyx, stride_zyx = 6, (0, 4, 4), (1, 2, 2)

    def __init__(self, dims, in_channels, features, levels):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, features, 3, padding=1), nn.BatchNorm2d(features), nn.ReLU(),
            nn.MaxPool2d(2), nn.Conv2d(features, 6, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
        )

    def forward(self, x):
        return self.layers(x)


cristae.register_network("plain", Plain)
"""

AUGMENTATION = """
import cristae
import torch


def inverted(images, labels, generator):
    sign = 1 if torch.rand(1, generator=generator) < 0.5 else -1
    return images * sign, labels


cristae.register_augmentation("inverted", inverted)
"""

SMALL = {"features": "4", "levels": "2", "batch": "2", "patch_zyx": "1,32,32", "downsample_zyx": "1,2,2"}


@pytest.fixture(autouse=True)
def _no_names_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extensions, "_registry", extensions._Registry())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "extensions").mkdir(mode=0o700)
    return tmp_path


def write(home: Path, name: str, text: str) -> Path:
    path = home / "extensions" / name
    path.write_text(text)
    path.chmod(0o600)
    return path


def stack() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    random = np.random.default_rng(0)
    mask = random.integers(0, 2, (3, 8, 8), np.uint8).repeat(8, 1).repeat(8, 2)
    return (100 + 80 * mask + random.integers(0, 20, mask.shape)).astype(np.uint8), mask


def train(home: Path, **settings: str) -> ModelPackage:
    image, mask = stack()
    return cristae.train(
        image, mask, model="m", steps=3, voxel_size_nm=(50, 5, 5), home=home, device="cpu",
        settings={**SMALL, **settings},
    )  # fmt: skip


def test_a_loss_of_a_file_is_trained_with_and_told(home: Path) -> None:
    write(home, "mine.py", LOSS)
    own, plain = train(home, loss="mostly_dice"), train(home)
    assert own.record["plan"]["settings"]["loss"] == "mostly_dice"
    assert any("'mostly_dice'" in sentence for sentence in own.record["plan"]["sentences"])
    assert own.digest != plain.digest


def test_a_network_of_a_file_is_trained_stored_predicts_and_goes_on(home: Path) -> None:
    write(home, "mine.py", NETWORK)
    model = train(home, learner="plain")
    assert model.record["network"]["kind"] == "added"
    assert model.record["network"]["stride_zyx"] == [1, 2, 2]
    assert model.record["halo_zyx"] == [0, 8, 8]
    assert any("'plain'" in sentence for sentence in model.record["plan"]["sentences"])
    image, mask = stack()
    labels = cristae.predict(image, model=model, home=home, device="cpu")
    assert labels.shape == mask.shape
    again = train(home, learner="plain")
    assert again.digest == model.digest
    further = cristae.train(
        image, mask, model="further", steps=1, voxel_size_nm=(50, 5, 5), home=home, device="cpu",
        start_from="m", settings={"batch": "2", "patch_zyx": "1,32,32"},
    )  # fmt: skip
    assert further.record["network"] == model.record["network"]


def test_the_layers_of_a_network_of_a_file_can_be_looked_at(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home, "mine.py", NETWORK)
    train(home, learner="plain")
    tifffile.imwrite(tmp_path / "stack.tif", stack()[0], photometric="minisblack")
    monkeypatch.setattr(extensions, "_registry", extensions._Registry())  # a process of its own
    assert main(["activations", str(tmp_path / "stack.tif"), "--model", "m", "--home", str(home)]) == 0
    assert "body.layers.0" in capsys.readouterr().out


def test_a_model_whose_network_is_not_here_says_what_is_missing(home: Path) -> None:
    file = write(home, "mine.py", NETWORK)
    model = train(home, learner="plain")
    file.unlink()
    extensions._registry = extensions._Registry()
    with pytest.raises(InvalidInput, match=r"network 'plain' is none .* no file adds it\. Put the file"):
        cristae.predict(stack()[0], model=model, home=home, device="cpu")


def test_an_augmentation_of_a_file_varies_the_patches_and_repeats_itself(home: Path) -> None:
    write(home, "mine.py", AUGMENTATION)
    one, two = (train(home, added_augmentation="inverted").digest for _ in range(2))
    assert one == two
    assert one != train(home).digest


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import cristae\n\nx = unheard_of\n", r"mine\.py, line 3: NameError: .*'unheard_of' is not"),
        ("def half(:\n", r"mine\.py, line 1: SyntaxError: invalid syntax\."),
        ("import nothing_of_this_name\n", r"mine\.py, line 1: ModuleNotFoundError: No module named"),
        ("raise SystemExit('no')\n", r"mine\.py, line 1: SystemExit: no\."),
        ("import cristae as c\nc.register_loss('dice', print)\n", "line 2: There is a loss 'dice' already"),
        ("import cristae as c\nc.register_loss('My Loss', print)\n", r"line 2: 'My Loss' is no name for a"),
        ("import cristae\ncristae.register_loss('half', 2)\n", r"line 2: .*'half' cannot be called"),
    ],
)  # fmt: skip
def test_a_file_with_an_error_ends_in_a_sentence_and_changes_nothing(
    home: Path, text: str, told: str
) -> None:
    before = train(home)  # needs no file, so that none runs
    write(home, "also_mine.py", LOSS)
    write(home, "mine.py", text)
    for _ in range(2):
        with pytest.raises(InvalidInput, match=told) as failure:
            train(home, loss="mostly_dice")
        assert str(home) not in failure.value.sentence
        assert "take it out of the folder extensions" in failure.value.sentence
    (still,) = ModelLibrary(home / "models").list()
    assert still.digest == before.digest
    assert train(home).digest == before.digest  # what needs nothing added is not held up


def test_a_name_that_nothing_adds_is_answered_with_all_that_there_are(home: Path) -> None:
    write(home, "mine.py", LOSS)
    with pytest.raises(InvalidInput, match=r"loss is one of dice_ce, .*, boundary, mostly_dice, not 'half'"):
        train(home, loss="half")


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders of other users are Windows' own affair")
@pytest.mark.parametrize("mode", [0o660, 0o602])
def test_a_file_that_others_may_write_is_not_run(home: Path, mode: int) -> None:
    write(home, "mine.py", LOSS).chmod(mode)
    with pytest.raises(InvalidInput, match=r"mine\.py in the home may be written by other users"):
        train(home, loss="mostly_dice")
    write(home, "mine.py", LOSS)
    (home / "extensions").chmod(0o770)
    with pytest.raises(InvalidInput, match="extensions in the home may be written by other users"):
        train(home, loss="mostly_dice")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return answers.logits.mean(dim=1)", "returned no single number"),
        ("return 3.0", "returned no single number"),
        ("return answers.wrong", r"failed: mine\.py, line 5: AttributeError: .*'wrong'"),
    ],
)
def test_a_loss_that_fails_in_a_training_says_where(home: Path, body: str, told: str) -> None:
    lines = [
        "import cristae",
        "",
        "",
        "def half(answers):",
        f"    {body}",
        "cristae.register_loss('half', half)",
    ]
    write(home, "mine.py", "\n".join(lines))
    with pytest.raises(InvalidInput, match=f"The loss 'half' {told}"):
        train(home, loss="half")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("halo_zyx", "reach"), "does not tell its halo_zyx, three whole numbers"),
        (("(0, 4, 4)", "(0, 2, 2)"), r"more than \(0, 2, 2\) .* but they change its features"),
        (
            ("nn.BatchNorm2d(features)", "nn.InstanceNorm2d(features)"),
            "change its features: tiles would show",
        ),
        (("maps, ", "kinds, "), "does not tell its maps, a whole number"),
        (("nn.Upsample(scale_factor=2)", "nn.Identity()"), r"made \(1, 6, .* was expected"),
        (("return self.layers(x)", "return self.layer(x)"), r"failed: mine\.py, line 17: AttributeError"),
        (("features, levels)", "features)"), r"failed: .*TypeError: .*'levels'"),
        (("(nn.Module)", ""), "is a Plain, not a"),
    ],
)
def test_a_network_that_is_not_what_it_tells_is_refused_before_the_training(
    home: Path, change: tuple[str, str], told: str
) -> None:
    assert change[0] in NETWORK
    write(home, "mine.py", NETWORK.replace(*change))
    with pytest.raises(InvalidInput, match=f"network 'plain' .*{told}"):
        train(home, learner="plain")


def test_deep_supervision_of_an_added_network_is_refused(home: Path) -> None:
    write(home, "mine.py", NETWORK)
    with pytest.raises(InvalidInput, match="not for 'plain'"):
        train(home, learner="plain", deep_supervision="on")


def test_an_augmentation_that_changes_shapes_is_refused(home: Path) -> None:
    write(home, "mine.py", AUGMENTATION.replace("images * sign, labels", "images[..., :8], labels"))
    with pytest.raises(InvalidInput, match=r"'inverted' made .* shapes and types must stay"):
        train(home, added_augmentation="inverted")


def test_a_worker_tells_the_names_or_what_is_wrong(home: Path) -> None:
    def told() -> object:
        asked = [sys.executable, "-m", "cristae.worker", "--home", str(home), "--extensions"]
        return json.loads(subprocess.run(asked, capture_output=True, check=True).stdout)

    write(home, "mine.py", LOSS)
    assert told() == {"loss": ["mostly_dice"], "network": [], "augmentation": []}
    write(home, "mine.py", "x = unheard_of")
    assert "mine.py, line 1: NameError" in str(told())


def test_code_that_is_no_file_registers_too() -> None:
    cristae.register_loss("own", lambda answers: answers.logits.sum())
    assert read_settings({"loss": "own"}) == {"loss": "own"}
    with pytest.raises(InvalidInput, match="There is a loss 'own' already"):
        cristae.register_loss("own", print)


def test_a_process_that_does_not_compute_knows_the_names_it_was_told() -> None:
    extensions.announce({"loss": ["own"]})
    assert read_settings({"loss": "own"}) == {"loss": "own"}
    with pytest.raises(InvalidInput, match="not 'other'"):
        read_settings({"loss": "other"})
    extensions.announce("The extension mine.py has an error.")
    assert read_settings({"loss": "dice"}) == {"loss": "dice"}
    with pytest.raises(InvalidInput, match=r"mine\.py has an error"):
        read_settings({"loss": "own"})


def test_doctor_lists_what_was_added_or_says_what_is_wrong(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(home, "mine.py", LOSS)
    main(["doctor", "--home", str(home)])
    assert "ok      extensions: loss mostly_dice." in capsys.readouterr().out
    file.write_text("import cristae\ncristae.register_loss(own)\n")
    extensions._registry = extensions._Registry()
    assert main(["doctor", "--home", str(home)]) == 1
    assert "problem extensions: The extension mine.py, line 2: NameError" in capsys.readouterr().out
