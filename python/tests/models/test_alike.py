"""Which models may be combined."""

from typing import Any

import pytest

from cristae.errors import InvalidInput
from cristae.models.alike import check_combination, refuse_unlike

RECORD: dict[str, Any] = {
    "weights_sha256": "0",
    "target": "classes",
    "classes": [{"name": "mito"}],
    "channels": 1,
    "voxel_size_nm": [50.0, 5.0, 5.0],
    "network": {"dims": 2, "strides_zyx": [[1, 2, 2], [1, 2, 2]]},
    "working_voxel": {"downsample_zyx": [1, 2, 2]},
}


def test_models_that_were_trained_alike_go_together() -> None:
    near = {**RECORD, "weights_sha256": "1", "voxel_size_nm": [50, 5.2, 4.9]}
    refuse_unlike([("a", RECORD), ("b", near)])
    forest = {**RECORD, "network": {"kind": "forest"}}
    refuse_unlike([("a", forest), ("b", {**forest, "weights_sha256": "1"})])
    refuse_unlike([("a", RECORD)])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"target": "masks"}, "the target is classes of the one, masks of the other"),
        ({"classes": [{"name": "er"}]}, "the classes are mito of the one, er of the other"),
        ({"channels": 3}, "the channels of the image are 1 of the one, 3"),
        ({"voxel_size_nm": [50.0, 8.0, 8.0]}, "the voxel size in nm is 50, 5, 5 of the one, 50, 8, 8"),
        ({"voxel_size_nm": None}, "50, 5, 5 of the one, not known of the other"),
        ({"network": {"dims": 3, "strides_zyx": [[1, 4, 4]]}}, "the dimensions of the network are 2"),
        ({"working_voxel": {"downsample_zyx": [1, 1, 1]}}, "sees as one are 1, 2, 2 of the one, 1, 1, 1"),
        (
            {"network": {"kind": "forest"}},
            "coarsest level stand for 1, 4, 4 of the one, 1, 1, 1 of",
        ),
        (
            {"network": {"kind": "added", "dims": 2, "stride_zyx": [1, 8, 8]}},
            "4 of the one, 1, 8, 8 of the other",
        ),
        ({"weights_sha256": "0"}, "'a' and 'b' have the same weights: .* another seed"),
    ],
)
def test_models_that_answer_something_else_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        refuse_unlike([("a", RECORD), ("b", {**RECORD, "weights_sha256": "1", **change})])


def test_seventeen_models_and_other_words_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at most 16"):
        refuse_unlike([("a", RECORD)] * 17)
    with pytest.raises(InvalidInput, match="by mean, median, vote, not 'max'"):
        check_combination("max")
