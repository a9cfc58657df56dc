"""What the owner of a home adds in Python files: it works, and what is wrong with it is said."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

import cristae
from cristae import extensions
from cristae.cli import main
from cristae.errors import Cancelled, InvalidInput
from cristae.events import Event, Note, logged
from cristae.models import ModelLibrary, ModelPackage
from cristae.prediction import fitting
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


def train(home: Path, on_event: Callable[[Event], None] = logged, **settings: str) -> ModelPackage:
    image, mask = stack()
    return cristae.train(
        image, mask, model="m", steps=6, voxel_size_nm=(50, 5, 5), home=home, device="cpu",
        settings={**SMALL, **settings}, on_event=on_event,
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


def started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of its own, which runs the files again."""
    monkeypatch.setattr(extensions, "_registry", extensions._Registry())


def notes(told: list[Event]) -> str:
    return "\n".join(event.sentence for event in told if isinstance(event, Note))


@pytest.mark.parametrize("changes", [False, True])
def test_an_interrupted_training_goes_on_only_with_the_code_that_it_began_with(
    home: Path, monkeypatch: pytest.MonkeyPatch, changes: bool
) -> None:
    for name, voxels in zip(("raw.tif", "labels.tif"), stack(), strict=True):
        tifffile.imwrite(home / name, voxels, photometric="minisblack")

    def on_files(model: str, told: list[Event], stops_after: int) -> ModelPackage:
        started_anew(monkeypatch)
        asked = iter(range(1000))
        return cristae.train(
            home / "raw.tif", home / "labels.tif", model=model, steps=6, voxel_size_nm=(50, 5, 5), home=home,
            device="cpu", settings={**SMALL, "loss": "mostly_dice"}, on_event=told.append,
            should_stop=lambda: next(asked) >= stops_after,
        )  # fmt: skip

    write(home, "mine.py", LOSS)
    with pytest.raises(Cancelled):
        on_files("m", [], 6)
    write(home, "mine.py", LOSS.replace("3 * dice", "5 * dice") if changes else LOSS)
    told: list[Event] = []
    model = on_files("m", told, 1000)
    passed_over = "of another training and was passed over: it differs in the code of the extensions"
    assert (passed_over in notes(told)) == changes
    assert ("goes on" in notes(told)) != changes
    assert model.digest == on_files("of one go", [], 1000).digest


def test_a_model_tells_the_digests_of_the_files_that_it_was_trained_with(home: Path) -> None:
    write(home, "mine.py", LOSS)
    write(home, "unused.py", AUGMENTATION)
    assert train(home, loss="mostly_dice").record["extensions"] == {
        "loss mostly_dice": hashlib.sha256(LOSS.encode()).hexdigest()
    }
    assert train(home).record["extensions"] == {}


def test_a_prediction_with_a_network_that_was_changed_warns_and_goes_on_from_none_of_the_old_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home, "mine.py", NETWORK)
    model, image = train(home, learner="plain"), home / "raw.tif"
    tifffile.imwrite(image, stack()[0], photometric="minisblack")
    monkeypatch.setattr(fitting, "voxels_at_once", lambda *_: 400)
    told: list[Event] = []

    def predict(stops_after: int) -> None:
        asked = iter(range(1000))
        cristae.predict(
            image, home / "out.tif", model=model, home=home, device="cpu", on_event=told.append,
            should_stop=lambda: next(asked) >= stops_after,
        )  # fmt: skip

    with pytest.raises(Cancelled):
        predict(2)
    assert "was changed" not in notes(told)
    write(home, "mine.py", NETWORK.replace("return self.layers(x)", "return 1 - self.layers(x)"))
    started_anew(monkeypatch)
    told.clear()
    predict(1000)
    assert "adds the network 'plain' was changed after this model was trained" in notes(told)
    assert "finished before the interruption" not in notes(told)
    whole = cristae.predict(image, model=model, home=home, device="cpu")
    assert np.array_equal(tifffile.imread(home / "out.tif"), whole)


def test_a_file_is_run_as_it_is_now_however_quickly_it_was_changed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python tells what it compiled from what it should compile by size and second."""
    file = write(home, "mine.py", "import cristae\ncristae.register_loss('own', lambda answers: 1)\n")
    os.utime(file, (1e9, 1e9))
    extensions.use_extensions(home / "extensions")
    assert extensions.added("loss", "own")(None) == 1
    before = extensions.digest_of("loss", "own")
    write(home, "mine.py", file.read_text().replace("1", "2"))
    os.utime(file, (1e9, 1e9))
    started_anew(monkeypatch)
    extensions.use_extensions(home / "extensions")
    assert extensions.added("loss", "own")(None) == 2
    assert extensions.digest_of("loss", "own") != before


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
        (("nn.Upsample(scale_factor=2)", "nn.Identity()"), r"made \(8, 6, .* was expected"),
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


def test_a_pre_training_of_an_added_network_is_refused_before_the_labels_are_read(home: Path) -> None:
    write(home, "mine.py", NETWORK)
    told: list[Event] = []
    with pytest.raises(InvalidInput, match=r"^pretrain=0\.25 is for Cristae's own network, not for 'plain'"):
        train(home, on_event=told.append, learner="plain", pretrain="0.25")
    assert told == []
    train(home, learner="plain", pretrain="0")


@pytest.mark.parametrize("choice", ["blocks=2", "kernel=5"])
def test_what_an_added_network_is_not_told_is_refused(home: Path, choice: str) -> None:
    write(home, "mine.py", NETWORK)
    name, value = choice.split("=")
    with pytest.raises(InvalidInput, match=f"'plain', which was added .*, has no use for {choice}"):
        train(home, learner="plain", **{name: value})


def test_the_size_of_an_added_network_is_how_many_features_it_is_told(home: Path) -> None:
    write(home, "mine.py", NETWORK)
    image, mask = stack()
    settings = {"learner": "plain", "size": "large", "batch": "2", "patch_zyx": "1,32,32"}
    model = cristae.train(
        image, mask, model="m", steps=1, voxel_size_nm=(50, 5, 5), home=home, device="cpu", settings=settings
    )
    assert model.record["network"]["features"] == 32


def test_an_augmentation_that_changes_shapes_is_refused(home: Path) -> None:
    write(home, "mine.py", AUGMENTATION.replace("images * sign, labels", "images[..., :8], labels"))
    with pytest.raises(InvalidInput, match=r"'inverted' made .* shapes and types must stay"):
        train(home, added_augmentation="inverted")


def test_an_augmentation_that_makes_labels_that_are_none_is_refused(home: Path) -> None:
    write(home, "mine.py", AUGMENTATION.replace("images * sign, labels", "images, labels + 40"))
    with pytest.raises(InvalidInput, match=r"'inverted' made the label 4\d; there are 0 to \d, and 255"):
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
    cristae.register_loss("other", lambda answers: answers.logits.mean())
    assert len({extensions.digest_of("loss", name) for name in ("own", "other")}) == 2


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


def test_doctor_names_every_file_that_is_broken_and_none_of_the_others(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(home, "b.py", "import cristae\ncristae.register_loss(own)\n")
    write(home, "a.py", "def f(:\n")
    write(home, "mine.py", LOSS)
    write(home, "z.py", "").chmod(0o666)
    assert main(["doctor", "--home", str(home)]) == 1
    (told,) = (line for line in capsys.readouterr().out.splitlines() if " extensions: " in line)
    assert (
        told.index("a.py, line 1: SyntaxError") < told.index("b.py, line 2: NameError") < told.index("z.py")
    )
    assert "mine.py" not in told
    with pytest.raises(InvalidInput, match=r"a\.py, line 1.*b\.py, line 2"):
        read_settings({"loss": "mostly_dice"})
