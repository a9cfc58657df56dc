"""The picture that follows a training, voxel by voxel."""

import io
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from cristae.models import classes_of
from cristae.training.preview import Preview
from cristae.volumes import LabelClass

MITO, ER = LabelClass(1, "mitochondria"), LabelClass(2, "er", 0x0000FF)
BLACK, ORANGE, BLUE, UNKNOWN = (0, 0, 0), (0xE6, 0x9F, 0), (0, 0, 0xFF), (64, 64, 64)


def picture(preview: Preview) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(preview.png())).convert("RGB"))


def logits_of(classes: NDArray[np.integer], count: int) -> torch.Tensor:
    """Logits (count, ...) whose argmax are these classes."""
    return torch.from_numpy((classes[None] == np.arange(count).reshape(-1, *[1] * classes.ndim)) * 9.0 - 4)


def test_image_labels_and_prediction_lie_side_by_side_in_the_colours_of_the_classes(tmp_path: Path) -> None:
    targets = torch.zeros(1, 2, 3, dtype=torch.uint8)
    targets[0, 0] = torch.tensor([0, 1, 2])
    targets[0, 1, 2] = 255
    x = torch.zeros(1, 3, 2, 3)
    x[0, 1] = torch.tensor([[-9.0, 0.0, 9.0], [1.25, 0.0, -1.25]])  # in standard deviations
    preview = Preview([(x, targets)], [MITO, ER], None, channel=1, folder=tmp_path)
    untrained = picture(preview)
    preview.watch(0, logits_of(np.array([[[2, 1, 0], [0, 0, 1]]]), 3).transpose(0, 1))
    assert classes_of(preview.png()) == (LabelClass(1, "mitochondria", 0xE69F00), ER)
    shown = picture(preview)
    assert shown.shape == (2, 3 * 3 + 2 * 4, 3)
    grey, truth, predicted = shown[:, :3], shown[:, 7:10], shown[:, 14:]
    assert grey[..., 0].tolist() == [[0, 128, 255], [191, 128, 64]]
    assert (grey == grey[..., :1]).all()
    assert truth.tolist() == [
        [list(c) for c in row] for row in ((BLACK, ORANGE, BLUE), (BLACK, BLACK, UNKNOWN))
    ]
    assert predicted.tolist() == [
        [list(c) for c in row] for row in ((BLUE, ORANGE, BLACK), (BLACK, BLACK, ORANGE))
    ]
    assert (untrained[:, 14:] == 0).all()
    assert (shown[:, 3:7] == 255).all()


def test_of_a_volume_the_section_with_all_classes_is_shown_and_patches_without_them_come_last(
    tmp_path: Path,
) -> None:
    poor, rich = (torch.zeros(1, 4, 200, 200, dtype=torch.uint8) for _ in range(2))
    rich[0, 3, :100] = 1
    rich[0, 3, 150:] = 2
    rich[0, 1] = 1
    x = torch.zeros(1, 1, 2, 100, 100)
    x[0, 0, 1] = 9  # seen at half the resolution: the sections 2 and 3
    preview = Preview([(torch.zeros_like(x), poor), (x, rich)], [MITO, ER], None, channel=0, folder=tmp_path)
    answer = logits_of(rich.numpy()[0], 3)[None]
    preview.watch(0, answer * 0)
    preview.watch(1, answer)
    shown = picture(preview)
    assert shown.shape == (200, 3 * 200 + 2 * 4, 3)  # one patch: two would be more than 256 pixels
    assert (shown[:, :200] == 255).all()
    assert tuple(shown[0, 204]) == ORANGE
    assert tuple(shown[199, 204]) == BLUE
    assert np.array_equal(shown[:, 204:404], shown[:, 408:])


def test_small_patches_lie_in_rows_and_large_ones_are_shown_smaller(tmp_path: Path) -> None:
    small = [(torch.zeros(1, 1, 100, 120), torch.full((1, 100, 120), n, dtype=torch.uint8)) for n in range(3)]
    preview = Preview(small, [MITO, ER], None, channel=0, folder=tmp_path)
    for number, (_, targets) in enumerate(small):
        preview.watch(number, logits_of(targets.numpy(), 3).transpose(0, 1))
    shown = picture(preview)
    assert shown.shape == (204, 3 * 244 + 2 * 4, 3)
    assert tuple(shown[0, 248 + 124]) == ORANGE
    assert tuple(shown[203, 248]) == BLUE
    large = torch.zeros(1, 600, 300, dtype=torch.uint8)
    large[0, ::3, ::3] = 1  # every third pixel is shown
    shown = picture(Preview([(torch.zeros(1, 1, 600, 300), large)], [MITO], None, channel=0, folder=tmp_path))
    assert shown.shape == (200, 3 * 100 + 2 * 4, 3)
    assert (shown[:, 104:204] == ORANGE).all()


def test_masks_that_overlap_are_mixed(tmp_path: Path) -> None:
    members = torch.tensor([[0, 0], [1, 0], [1, 1]], dtype=torch.bool)
    targets = torch.tensor([[[0, 1, 2, 255]]], dtype=torch.uint8)
    preview = Preview([(torch.zeros(1, 1, 1, 4), targets)], [MITO, ER], members, channel=0, folder=tmp_path)
    preview.watch(0, torch.tensor([[[[-1.0, 1.0, 1.0, -1.0]], [[-1.0, -1.0, 1.0, 1.0]]]]))
    shown = picture(preview)
    both = (0xE6 // 2, 80, 128)  # the mean of orange and blue, 79.5 and 127.5 rounded to even
    assert [tuple(c) for c in shown[0, 8:12]] == [BLACK, ORANGE, both, UNKNOWN]
    assert [tuple(c) for c in shown[0, 16:]] == [BLACK, ORANGE, both, BLUE]
