from pathlib import Path

import pytest

from cristae import demo
from cristae.errors import Cancelled
from cristae.events import Event, Note, Progress
from cristae.models import ModelLibrary


@pytest.mark.slow
def test_a_demonstration_that_was_interrupted_goes_on_and_its_model_is_in_the_home_that_was_named(
    tmp_path: Path,
) -> None:
    steps: list[Event] = []

    def note_step(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "Training":
            steps.append(event)

    with pytest.raises(Cancelled, match="goes on from here"):
        demo.run(
            tmp_path / "out",
            minutes=0.08,
            home=tmp_path / "home",
            on_event=note_step,
            should_stop=lambda: bool(steps),
        )
    told: list[Event] = []
    demo.run(tmp_path / "out", minutes=0.08, home=tmp_path / "home", on_event=told.append)
    assert any(
        isinstance(event, Note) and "The training goes on from step" in event.sentence for event in told
    )
    assert ModelLibrary(tmp_path / "home" / "models").names() == ["neurons"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "demo.png",
        "held-out",
        "learn",
        "right-boundaries.tif",
        "right-neurons.tif",
    ]
