"""Defects of sections, against values counted by hand."""

import pytest
import torch
from torch import Tensor

from cristae.training.section_defects import RATES, Rates, SectionDefects, draw_defects, shifted_plane


def defects(sections: int, rows: int = 4, **other: Tensor) -> SectionDefects:
    """One sample to which nothing happens but `other`."""
    usual = {
        "source": torch.arange(sections)[None],
        "shift_yx": torch.zeros(1, sections, 2, dtype=torch.long),
        "gain": torch.ones(1, sections),
        "offset": torch.zeros(1, sections),
        "stripes": torch.zeros(1, sections, rows),
    }
    return SectionDefects(**{**usual, **other})


def stack(sections: int, rows: int = 4, columns: int = 5) -> Tensor:
    """One sample (1, sections, 1, y, x), every voxel with another value."""
    return torch.arange(float(sections * rows * columns)).view(1, sections, 1, rows, columns)


def draw(rates: Rates, *, own: int | None = 1, count: int = 400, sections: int = 3) -> SectionDefects:
    return draw_defects((count, sections, 16), rates, own=own, generator=torch.Generator().manual_seed(0))


def test_sections_that_nothing_happens_to_are_as_they_were() -> None:
    image = stack(3)
    assert torch.equal(defects(3).image(image), image)
    labels = torch.arange(60, dtype=torch.uint8).view(1, 3, 4, 5)
    assert torch.equal(defects(3).labels(labels, (1, 1)), labels)
    drawn = draw_defects((5, 3, 4), Rates(), own=None, generator=torch.Generator().manual_seed(0))
    assert torch.equal(drawn.image(image.expand(5, -1, -1, -1, -1)), image.expand(5, -1, -1, -1, -1))


def test_a_shifted_section_moves_by_so_many_pixels_and_the_others_do_not() -> None:
    shift = torch.tensor([[[0, 0], [1, -2], [0, 0]]])
    image = stack(3)
    found = defects(3, shift_yx=shift).image(image)
    assert torch.equal(found[:, [0, 2]], image[:, [0, 2]])
    assert torch.equal(found[0, 1, 0, 1:, :3], image[0, 1, 0, :3, 2:])
    assert torch.equal(found[0, 1, 0, 0, :3], image[0, 1, 0, 1, 2:])  # mirrored at the first row


def test_the_labels_of_a_volume_move_with_their_section_and_are_unknown_where_nothing_was() -> None:
    shift = torch.tensor([[[0, 0], [0, 1]]])
    labels = torch.arange(4 * 8 * 10).remainder(9).to(torch.uint8).view(1, 4, 8, 10)  # twice as fine
    found = defects(2, shift_yx=shift).labels(labels, (2, 2))
    assert torch.equal(found[:, :2], labels[:, :2])
    assert torch.equal(found[:, 2:, :, 2:], labels[:, 2:, :, :-2])
    assert bool((found[:, 2:, :, :2] == 255).all())
    oblong = defects(2, shift_yx=shift).labels(labels, (2, 1))  # columns are not finer
    assert torch.equal(oblong[:, 2:, :, 1:], labels[:, 2:, :, :-1])


def test_targets_beside_the_middle_section_move_with_its_neighbours() -> None:
    targets = torch.arange(60).view(1, 3, 4, 5)  # of the sections 1, 2 and 3 of five that the network sees
    shift = torch.zeros(1, 5, 2, dtype=torch.long)
    shift[0, 3] = torch.tensor([0, 1])
    found = defects(5, shift_yx=shift).labels_beside(targets, (1, 1))
    assert torch.equal(found[0, :2], targets[0, :2])
    assert torch.equal(found[0, 2, :, 1:], targets[0, 2, :, :-1])
    assert bool((found[0, 2, :, 0] == 255).all())
    finer = defects(5, shift_yx=shift).labels_beside(targets, (2, 2))
    assert torch.equal(finer[0, 2, :, 2:], targets[0, 2, :, :-2])
    inner = defects(5, source=torch.tensor([[0, 2, 2, 3, 4]])).labels_beside(targets, (1, 1))
    assert torch.equal(inner[0], targets[0, [1, 1, 2]])
    outer = defects(5, source=torch.tensor([[0, 0, 2, 3, 4]])).labels_beside(targets, (1, 1))
    assert bool((outer[0, 0] == 255).all())  # nobody knows what lies in the section 0
    assert torch.equal(outer[0, 1:], targets[0, 1:])
    assert defects(1).labels_beside(targets, (1, 1)) is targets


def test_a_doubled_section_shows_its_neighbour_and_in_a_volume_its_labels() -> None:
    twice = defects(3, source=torch.tensor([[0, 0, 2]]))
    image = stack(3)
    assert torch.equal(twice.image(image)[0], image[0, [0, 0, 2]])
    labels = torch.arange(60, dtype=torch.uint8).view(1, 3, 4, 5)
    assert torch.equal(twice.labels(labels, (1, 1))[0], labels[0, [0, 0, 2]])


def test_a_missing_section_is_mean_grey() -> None:
    found = draw(Rates(missing=1.0), own=None, count=2, sections=200).image(
        stack(200, 16, 2).expand(2, -1, -1, -1, -1)
    )
    blank = (found == 0).all(dim=(2, 3, 4))
    assert 0.1 < blank.float().mean() < 0.3  # in volumes a fifth
    assert torch.equal(found[~blank], stack(200, 16, 2).expand(2, -1, -1, -1, -1)[~blank])


def test_contrast_and_brightness_of_a_section_are_multiplied_and_added() -> None:
    found = defects(2, gain=torch.tensor([[1.0, 0.5]]), offset=torch.tensor([[0.0, 3.0]])).image(stack(2))
    assert torch.equal(found[0, 1], stack(2)[0, 1] * 0.5 + 3)
    assert torch.equal(found[0, 0], stack(2)[0, 0])


def test_stripes_run_along_whole_rows() -> None:
    stripes = torch.zeros(1, 2, 4)
    stripes[0, 1, 2] = 1.5
    found = defects(2, stripes=stripes).image(stack(2)) - stack(2)
    assert torch.equal(found[0, 1, 0], torch.tensor([0.0, 0, 1.5, 0])[:, None].expand(4, 5))
    drawn = draw(Rates(striped=1.0))
    assert bool(drawn.stripes.any(dim=2).float().mean() > 0.95)
    assert float(drawn.stripes.abs().max()) <= 3 * 1.5
    touched = (drawn.stripes != 0).sum(dim=2)
    assert int(touched.max()) <= 3 * 8


def test_the_labelled_section_is_never_lost_doubled_or_moved() -> None:
    drawn = draw(Rates(missing=0.25, doubled=0.25, shifted=0.25, jumping=0.25))
    assert bool((drawn.source[:, 1] == 1).all())
    assert not bool(drawn.shift_yx[:, 1].any())
    assert float(drawn.gain[:, 1].min()) >= 0.7
    assert bool((drawn.gain[:, 0] == 0).any())
    assert bool((drawn.source[:, 0] == 1).any())
    assert bool(drawn.shift_yx[:, 0].any())


def test_light_defects_leave_the_labelled_section_as_it_is() -> None:
    drawn = draw(RATES["light"])
    assert bool((drawn.gain[:, 1] == 1).all())
    assert not bool(drawn.offset[:, 1].any())
    assert not bool(drawn.stripes.any())


def test_each_defect_is_as_frequent_as_it_is_said_to_be() -> None:
    drawn = draw(Rates(missing=0.1, doubled=0.2, shifted=0.3, jumping=0.15), count=4000)
    beside = [0, 2]
    assert float((drawn.gain[:, beside] == 0).float().mean()) == pytest.approx(0.1, abs=0.02)
    assert float((drawn.source[:, beside] == 1).float().mean()) == pytest.approx(0.2, abs=0.02)
    # One of 81 shifts is none.
    assert float(drawn.shift_yx[:, beside].any(dim=2).float().mean()) == pytest.approx(
        0.3 * 80 / 81, abs=0.02
    )
    jumped = ((drawn.gain != 0) & (drawn.gain != 1))[:, beside]
    assert float(jumped.float().mean()) == pytest.approx(0.15, abs=0.02)
    assert int(drawn.shift_yx.abs().max()) == 4


def test_a_volume_of_one_section_has_no_neighbour_to_be_doubled_from() -> None:
    drawn = draw(Rates(doubled=1.0), own=None, sections=1)
    assert torch.equal(drawn.source, torch.zeros(400, 1, dtype=torch.long))


def test_a_plane_smaller_than_the_shift_is_mirrored_again_and_again() -> None:
    plane = torch.tensor([[[1, 2]]])
    assert shifted_plane(plane, 0, 3, None).tolist() == [[[2, 1]]]
    assert shifted_plane(plane, 4, 0, 255).tolist() == [[[255, 255]]]
