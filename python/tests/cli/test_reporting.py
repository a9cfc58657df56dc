import io

from cristae.commands.reporting import duration, reporter
from cristae.commands.tables import moment, table
from cristae.events import Metrics, Note, PlanMade, Progress
from cristae.settings import size


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_than_on_a_terminal_a_line_comes_every_few_seconds_only() -> None:
    stream = io.StringIO()
    with reporter(stream, line_every_s=1000) as show:
        for step in range(100):
            show(Progress("Training", step / 100, 10.0, f"step {step}"))
        show(Progress("Predicting", 1.0))
    lines = stream.getvalue().splitlines()
    assert lines == ["Training 0 %, about 10 s left (step 0)", "Predicting 100 %"]


def test_the_plan_notes_and_warnings_are_always_told() -> None:
    for stream in (io.StringIO(), Terminal()):
        with reporter(stream) as show:
            show(PlanMade(("8 of 12 sections carry labels.",), {"features": "16"}))
            show(Note("Training on the CPU."))
            show(Note("The validation is small.", is_warning=True))
            show(Metrics(3, {"loss": 0.2}))
        text = stream.getvalue()
        assert "  - 8 of 12 sections carry labels." in text
        assert "\nTraining on the CPU." in text
        assert "Warning: The validation is small." in text
        assert "0.2" not in text


def test_on_a_terminal_one_bar_stays_in_place() -> None:
    stream = Terminal()
    with reporter(stream) as show:
        for step in range(5):
            show(Progress("Training", step / 4, 90.0, f"step {step}"))
    text = stream.getvalue()
    assert "Training 100%" in text
    assert "about 1 min 30 s left; step 4" in text
    assert text.count("\n") == 1


def test_durations_and_sizes_are_said_as_a_person_would() -> None:
    assert [duration(s) for s in (0.4, 59.6, 61, 3600, 90_000)] == [
        "0 s",
        "1 min 0 s",
        "1 min 1 s",
        "1 h 0 min",
        "25 h 0 min",
    ]
    assert [size(b) for b in (0, 1023, 1024, 5 * 2**40)] == ["0 B", "1023 B", "1.0 KiB", "5.0 TiB"]
    assert moment(None) == ""
    assert len(moment(0.0)) == len("1970-01-01 00:00")


def test_a_table_lines_up_also_without_rows() -> None:
    assert table(["a", "bb"], []) == "a  bb"
    assert table(["a", "b"], [["longer", "x"]]) == "a       b\nlonger  x"
