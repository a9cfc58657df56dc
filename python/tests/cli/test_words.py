import contextlib
import importlib
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cristae import cli
from cristae.commands import COMMANDS


def usage_error(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert f"cristae {command}" in text.partition("example:")[2]
    assert "--home" in text


@pytest.mark.parametrize("command", ["train", "predict", "evaluate"])
def test_the_help_shows_no_word_that_is_then_refused(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    text = capsys.readouterr().out
    assert "yet" not in text


def test_the_help_says_what_the_uncertainty_of_masks_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["predict", "--help"])
    assert "of masks in a channel each" in " ".join(capsys.readouterr().out.split())


def test_the_example_of_every_command_is_one_that_the_command_takes() -> None:
    for command in COMMANDS:
        module = importlib.import_module(f"cristae.commands.{command}")
        for line in module.EXAMPLE.strip().splitlines():
            assert cli.parser().parse_args(shlex.split(line)[1:]).command == command


def test_words_too_many_are_named_with_the_usage_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    told = usage_error(capsys, "predict", "a.tif", "out.tif", "b.tif", "--model", "mito")
    assert "usage: cristae predict" in told
    assert "too many: b.tif" in told
    told = usage_error(capsys, "models", "list", "--every")
    assert "cristae models: error: it does not know --every" in told


def test_training_takes_exactly_the_words_that_are_promised() -> None:
    words = (
        "train raw.tif labels.tif --model mito --also b.tif c.tif --also d.zarr e.zarr --target instances "
        "--unknown 255 "
        "--steps 600 --z 0:8 --validation-z 8:10 --voxel-size 50,4.6,4.6 --start-from old --empty-sections "
        "background "
        "--set patch_zyx=1,256,256 --set features=16 --seed 3"
    )
    taken = cli.parser().parse_args(words.split())
    assert [[str(path) for path in pair] for pair in taken.also] == [["b.tif", "c.tif"], ["d.zarr", "e.zarr"]]
    assert taken.steps == 600
    assert (taken.z, taken.validation_z) == ((0, 8), (8, 10))
    assert taken.voxel_size == (50.0, 4.6, 4.6)
    assert dict(taken.set) == {"patch_zyx": "1,256,256", "features": "16"}
    assert (taken.unknown, taken.seed, taken.empty_sections) == (255, 3, "background")


def test_prediction_and_evaluation_take_the_words_that_are_promised() -> None:
    taken = cli.parser().parse_args(
        [
            "predict",
            "raw.tif",
            "out.zarr",
            "--model",
            "mito",
            "--output",
            "probabilities",
            "--engine",
            "torch",
            "--device",
            "cuda:0",
        ]
    )
    assert (taken.output, taken.engine, taken.device) == ("probabilities", "torch", "cuda:0")
    taken = cli.parser().parse_args(
        ["evaluate", "p.tif", "t.tif", "--target", "instances", "--unknown", "0", "--z", "10:12", "--json"]
    )
    assert (taken.target, taken.unknown, taken.z, taken.json) == ("instances", 0, (10, 12), True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("train raw.tif", "required"),
        ("train raw.tif labels.tif", "--model"),
        ("train raw.tif labels.tif --model m --z 8", "not a range such as 0:8"),
        ("train raw.tif labels.tif --model m --z 8:8", "nothing in it"),
        ("train raw.tif labels.tif --model m --z -3:5", "'-3:5' begins or ends before the first, which is 0"),
        ("predict raw.tif out.tif --model m --y 3:-5", "'3:-5' begins or ends before the first"),
        ("train raw.tif labels.tif --model m --voxel-size -50,4,4", "'-50,4,4' has a side"),
        ("train raw.tif labels.tif --model m --minutes -3", "'-3' is not a number above 0"),
        ("train raw.tif labels.tif --model m --seed -1", "The seed is -1; give a whole number from 0 to"),
        ("train raw.tif labels.tif --model m --seed 1.5", "'1.5' is not a whole number such as 1"),
        ("augment raw.tif labels.tif out.tif --seed -1", "The seed is -1; give a whole number from 0 to"),
        ("train raw.tif labels.tif --model m --minutes 0", "not a number above 0"),
        ("train raw.tif labels.tif --model m --minutes 3 --steps 5", "not allowed with"),
        ("train raw.tif labels.tif --model m --steps 1.5", "not a whole number above 0"),
        ("train raw.tif labels.tif --model m --voxel-size 4.6", "not Z,Y,X in nanometres"),
        ("train raw.tif labels.tif --model m --voxel-size 50,0,4", "nanometre"),
        ("train raw.tif labels.tif --model m --set patch", "not KEY=VALUE"),
        ("train raw.tif labels.tif --model m --target voxels", "invalid choice"),
        ("predict raw.tif out.tif", "--model"),
        ("serve --port 99999", "not a port"),
        ("models rename a", "invalid choice"),
        ("paint", "invalid choice"),
        ("", "required"),
    ],
)
def test_wrong_usage_ends_with_two_and_says_what_is_wrong(
    words: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in usage_error(capsys, *words.split())


def test_neither_help_nor_the_door_waits_for_torch_or_grpc() -> None:
    program = (
        "import sys, cristae, cristae.cli\n"
        "cristae.cli.parser()\n"
        "heavy = {'torch', 'grpc', 'zarr', 'scipy', 'skimage', 'tifffile', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--minutes 1e-9", "takes 0.017 (a second) to 20160 minutes; 1e-09 were given"),
        ("--minutes 1e9", "to 20160 minutes; 1e+09 were given"),
        (f"--steps {10**12}", f"takes 1 to 10000000 steps; {10**12} were given"),
    ],
)
def test_a_length_of_training_that_nobody_means_is_refused_before_anything_is_read(
    words: str, told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    line = f"train raw.tif labels.tif --model m --home {tmp_path} {words}"
    assert cli.main(line.split()) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999", "-3", "--"])
def test_minutes_are_a_number_above_nought(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = usage_error(capsys, "train", "raw.tif", "labels.tif", "--model", "m", f"--minutes={number}")
    assert "is not a number above 0" in told


@pytest.mark.parametrize("number", ["nan", "inf", "1e3", "²", "٣", "9" * 5000])
def test_steps_are_a_whole_number_in_plain_digits(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = usage_error(capsys, "train", "raw.tif", "labels.tif", "--model", "m", f"--steps={number}")
    assert "is not a whole number above 0" in told


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_port_that_is_taken_is_told_in_one_sentence_and_nothing_else(host: str, tmp_path: Path) -> None:
    with contextlib.ExitStack() as taken:
        port = 0
        for family, place in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with contextlib.suppress(OSError):  # not every computer speaks IPv6
                listening = taken.enter_context(socket.socket(family))
                listening.bind((place, port))
                listening.listen()
                port = listening.getsockname()[1]
        words = ["serve", "--home", str(tmp_path), "--host", host, "--port", str(port)]
        ended = subprocess.run([sys.executable, "-m", "cristae.cli", *words], capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert f"cannot listen on {host}:{port}: another program does" in ended.stderr
