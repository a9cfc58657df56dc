"""What the README shows is what happens."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import tifffile

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def shown(language: str) -> list[str]:
    """Return the fenced parts of the README in one language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def small_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a smaller sample at the place that the README names, and a home of its own."""
    sample = tmp_path / "examples" / "gala"
    sample.mkdir(parents=True)
    for name in ("raw.tif", "neurons.tif"):
        part = tifffile.imread(ROOT / "examples" / "gala" / name)[:16, :64]
        calibration = {"axes": "ZYX", "spacing": 10.0, "unit": "nm"}
        tifffile.imwrite(sample / name, part, imagej=True, resolution=(0.1, 0.1), metadata=calibration)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRISTAE_HOME", str(tmp_path / "home"))
    return tmp_path


def test_the_commands_of_the_readme_run(small_checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from cristae.cli import main

    lines = [line for block in shown("sh") for line in block.splitlines() if line.startswith("cristae ")]
    assert [line.split()[1] for line in lines] == ["train", "predict", "evaluate", "measure"]
    for line in lines:
        words = shlex.split(re.sub(r"--minutes \S+", "--steps 2", line))
        assert main(words[1:]) == 0, capsys.readouterr().err
    told = capsys.readouterr().out
    assert "rand" in told.lower()
    assert told.endswith("Written: neurons.csv\n")


def test_the_python_of_the_readme_runs(small_checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = shown("python")
    names: dict[str, object] = {}
    exec(compile(re.sub(r"minutes=\S+?,", "steps=2,", program), "README.md", "exec"), names)  # noqa: S102
    assert isinstance(names["found"], np.ndarray)
    assert names["found"].shape == (16, 64, 70)
    assert 0 <= float(capsys.readouterr().out.split()[-1]) <= 1


def test_the_macro_of_the_readme_is_the_one_that_the_demonstration_runs() -> None:
    (macro,) = shown("java")
    assert macro == (ROOT / "examples" / "demo.ijm").read_text(encoding="utf-8")


def test_every_file_that_the_documentation_links_to_is_there() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_make_target_that_the_documentation_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    named = {
        name for page in pages for name in re.findall(r"`make ([a-z]+)`", page.read_text(encoding="utf-8"))
    }
    assert named <= targets
