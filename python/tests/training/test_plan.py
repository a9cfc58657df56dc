"""The plan: every choice follows from the figures, and a person may change each."""

import json
from dataclasses import fields, replace

import pytest

from cristae.errors import InvalidInput
from cristae.geometry import Box
from cristae.networks import Preprocessing, Statistics, UNetConfig, total_stride
from cristae.training import choices
from cristae.training.budget import Budget
from cristae.training.choices import _EXTENSIBLE, _LIMITS, _WORDS, Choices
from cristae.training.fingerprint import Fingerprint
from cristae.training.held_out import HeldOut
from cristae.training.plan import FindHeldOut, Plan, make_plan
from cristae.training.unlabelled import weight_of
from cristae.volumes import VoxelSize

SERIAL = Fingerprint(
    shapes_zyx=((12, 1024, 1024),),
    channels=1,
    annotated_sections=8,
    annotated_span=8,
    known_voxels=8 * 2**20,
    class_shares=(0.95, 0.05),
    thickness_voxels={1: 43.0},
    anisotropy=10.9,
    anisotropy_is_estimated=False,
    statistics=Statistics((130.0,), (50.0,)),
    section_jump=0.01,
)
BLOCK = replace(
    SERIAL,
    shapes_zyx=((125, 250, 250),),
    annotated_sections=125,
    annotated_span=125,
    anisotropy=1.0,
    class_shares=(0.1, 0.6, 0.3),
    thickness_voxels={1: 9.0},
)


def plan(found: Fingerprint, settings: dict[str, str] | None = None, **choices: object) -> Plan:
    given: dict[str, object] = {"target": "classes", "outputs": len(found.class_shares), "budget": Budget()}
    return make_plan(found, settings=settings or {}, on_gpu=False, **{**given, **choices})  # type: ignore[arg-type]


def kept(is_held_out: bool) -> FindHeldOut:
    found = HeldOut(Box.of_shape((2, 64, 64)) if is_held_out else None)
    return lambda choices, offsets_zyx: (found,)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, None),
        ({"augmentation": "0.5"}, None),
        ({"augmentation": "0", "augment_geometry": "full"}, "flipped and turned by quarters, nothing else."),
        (
            {"augment_geometry": "full"},
            "deformed (full), of other grey values (light).",
        ),
        ({"augment_intensity": "off"}, "flipped and turned by quarters, nothing else."),
        (
            {"augment_sections": "light"},
            "of other grey values (light), with defects of sections (light).",
        ),
    ],
)
def test_the_variants_of_patches_are_told_if_a_person_chose_them(
    settings: dict[str, str], said: str | None
) -> None:
    told = [sentence for sentence in plan(SERIAL, settings).sentences if sentence.startswith("Patches are")]
    assert told == ([] if said is None else [f"Patches are {said}"])


def test_serial_sections_are_seen_one_by_one_with_their_neighbours() -> None:
    made = plan(SERIAL)
    assert made.network.dims == 2
    assert made.network.in_channels == 3
    assert made.preprocessing.context == 1
    assert made.preprocessing.normalisation == "section"
    assert any("10.9 times as far apart" in sentence for sentence in made.sentences)


def test_images_on_different_grey_scales_are_normalised_each_by_itself() -> None:
    assert plan(BLOCK).preprocessing.normalisation == "training"
    made = plan(replace(BLOCK, alike=False))
    assert made.preprocessing.normalisation == "image"
    assert any("are not on one scale" in sentence for sentence in made.sentences)
    assert plan(replace(BLOCK, alike=False), {"normalisation": "training"}).sentences == plan(BLOCK).sentences


def test_thick_objects_are_seen_at_half_resolution_and_answered_at_full() -> None:
    made = plan(SERIAL)
    assert made.preprocessing.downsample_zyx == (1, 2, 2)
    assert made.network.upscale_zyx == (1, 2, 2)
    assert plan(replace(SERIAL, thickness_voxels={1: 43.0, 2: 9.0})).preprocessing.downsample_zyx == (1, 1, 1)


@pytest.mark.parametrize(
    ("patience", "told"),
    [
        ("0.5", "The training takes 600 steps at most, and ends when nothing improves any more."),
        ("1", "The training takes 600 steps."),
    ],
)
def test_the_plan_says_whether_the_training_may_end_early(patience: str, told: str) -> None:
    made = plan(SERIAL, {"patience": patience}, budget=Budget(steps=600), held_out=kept(True))
    assert made.sentences[-1] == told


@pytest.mark.parametrize(
    ("is_held_out", "told"),
    [
        (False, "takes 600 steps."),
        (True, "takes 600 steps at most, and ends when nothing improves any more."),
    ],
)
def test_an_early_end_is_promised_only_where_a_part_is_held_out(is_held_out: bool, told: str) -> None:
    made = plan(SERIAL, budget=Budget(steps=600), held_out=kept(is_held_out))
    assert made.sentences[-1].endswith(told)


def test_a_deep_patch_of_a_network_that_sees_sections_is_explained() -> None:
    told = (
        "The network sees sections, so the 8 sections of a patch are seen one by one: a step sees 32. To see "
        "them together, set dimensions=3."
    )
    deep = {"patch_zyx": "8,64,64", "batch": "4"}
    assert told in plan(SERIAL, deep).sentences
    for other in ({**deep, "patch_zyx": "1,64,64"}, {**deep, "dimensions": "3"}):
        assert not any("one by one" in sentence for sentence in plan(SERIAL, other).sentences)


def test_a_step_that_ends_in_a_single_voxel_is_refused() -> None:
    with pytest.raises(InvalidInput, match="single voxel on the coarsest of 4 levels"):
        plan(SERIAL, {"batch": "1", "patch_zyx": "1,16,16"})
    assert plan(SERIAL, {"batch": "2", "patch_zyx": "1,16,16"}).choices.batch == 2


def test_boundaries_are_always_seen_at_full_resolution() -> None:
    made = plan(replace(BLOCK, thickness_voxels={1: 100.0}), target="instances")
    assert made.preprocessing.downsample_zyx == (1, 1, 1)


def test_isotropic_volumes_are_seen_in_3d() -> None:
    made = plan(BLOCK)
    assert made.network.dims == 3
    assert made.network.kernels_zyx[0] == (3, 3, 3)
    assert made.network.strides_zyx[0] == (2, 2, 2)
    assert made.preprocessing.normalisation == "training"


def test_in_3d_the_finer_axes_come_first_until_the_spacings_match() -> None:
    made = plan(replace(BLOCK, anisotropy=2.5))
    assert made.network.kernels_zyx == ((1, 3, 3), (3, 3, 3), (3, 3, 3))
    assert made.network.strides_zyx == ((1, 2, 2), (2, 2, 2))


def test_a_single_section_is_seen_in_2d_without_neighbours() -> None:
    made = plan(
        replace(SERIAL, shapes_zyx=((1, 700, 500),), annotated_sections=1, annotated_span=1, anisotropy=1.0)
    )
    assert (made.network.dims, made.preprocessing.context, made.network.in_channels) == (2, 0, 1)


def test_a_few_annotated_sections_of_a_volume_are_seen_in_2d() -> None:
    assert plan(replace(BLOCK, annotated_sections=2)).network.dims == 2
    assert plan(replace(BLOCK, annotated_sections=8, annotated_span=100)).network.dims == 2


def test_an_estimated_spacing_is_said_to_be_one() -> None:
    sentences = plan(replace(SERIAL, anisotropy_is_estimated=True)).sentences
    assert any("voxel size is not known" in sentence for sentence in sentences)


def test_brightness_jumps_are_normalised_away() -> None:
    made = plan(replace(BLOCK, section_jump=0.5))
    assert made.preprocessing.normalisation == "section"
    assert any("Brightness jumps" in sentence for sentence in made.sentences)


@pytest.mark.parametrize("shape", [(1, 5, 5), (3, 30, 400), (50, 100, 200), (9, 9, 9), (500, 5000, 5000)])
@pytest.mark.parametrize("anisotropy", [1.0, 2.0, 8.0])
def test_patches_lie_on_the_grid_of_the_network_and_are_not_much_larger_than_the_image(
    shape: tuple[int, int, int], anisotropy: float
) -> None:
    made = plan(replace(BLOCK, shapes_zyx=(shape,), anisotropy=anisotropy, thickness_voxels={1: 20.0}))
    stride = total_stride(made.network)
    for patch, step, factor, length in zip(
        made.choices.patch_zyx, stride, made.preprocessing.downsample_zyx, shape, strict=True
    ):
        assert patch % (step * factor) == 0
        assert patch < length + step * factor
    assert made.choices.batch >= 1


def test_how_objects_are_joined_is_no_choice_where_there_are_none() -> None:
    with pytest.raises(InvalidInput, match=r"merge_below=0\.3 .* read as classes"):
        plan(SERIAL, {"merge_below": "0.3"})


THEIRS = {
    "dimensions": "2", "context": "2", "downsample_zyx": "1,4,4", "normalisation": "image",
    "levels": "3", "features": "8", "patch_zyx": "1,128,192", "batch": "3", "learning_rate": "0.001",
    "weight_decay": "0", "clip": "1", "rare_share": "0.75", "augmentation": "0",
    "validation": "0.2", "patience": "0.25", "precision": "float32",
    "learner": "forest", "size": "large", "blocks": "3", "kernel": "5", "freeze": "none",
    "pseudo": "on", "pretrain": "0.25",
    "augment_geometry": "full", "augment_intensity": "off", "augment_sections": "off",
    "loss": "focal", "deep_supervision": "on", "error_share": "0.25",
    "added_augmentation": "none", "merge_below": "0.35", "objects": "affinities",
}  # fmt: skip
"""A value of every choice that is not the usual one, as far as there is another."""

OF_A_FOREST = (
    "dimensions", "context", "downsample_zyx", "normalisation", "patch_zyx", "batch", "rare_share",
    "validation", "learner", "merge_below",
)  # fmt: skip


@pytest.mark.parametrize("name", [field.name for field in fields(Choices)])
def test_every_choice_can_be_made_by_a_person(name: str) -> None:
    target = "instances" if name in ("merge_below", "objects") else "classes"
    made = plan(SERIAL, {name: THEIRS[name]}, target=target)
    assert made.settings[name] == THEIRS[name]
    assert name in {**_LIMITS, **_WORDS, **_EXTENSIBLE}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("colour", "red"),
        ("batch", "many"),
        ("batch", "0"),
        ("batch", "1.5"),
        ("batch", "1,2"),
        ("patch_zyx", "32,32"),
        ("patch_zyx", "a,b,c"),
        ("learning_rate", "nan"),
        ("learning_rate", "-1"),
        ("normalisation", "magic"),
        ("dimensions", "4"),
        ("downsample_zyx", "2,2,2"),
        ("features", ""),
        ("size", "huge"),
        ("blocks", "0"),
        ("kernel", "4"),
        ("loss", "mse"),
        ("deep_supervision", "yes"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_a_sentence(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=r"\.$"):
        plan(SERIAL, {name: value})


@pytest.mark.parametrize("name", [field.name for field in fields(Choices) if field.name not in OF_A_FOREST])
def test_a_forest_refuses_every_choice_that_it_does_not_read(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {"freeze": "encoder", "augment_sections": "full", "added_augmentation": "inverted"}
    monkeypatch.setattr(choices, "names_of", lambda kind: ("inverted",))
    value = others.get(name, THEIRS[name])
    with pytest.raises(InvalidInput, match=f"no use for {name}={value}: that is for networks"):
        plan(
            SERIAL, {"learner": "forest", name: value}, target="instances" if name == "objects" else "classes"
        )


@pytest.mark.parametrize("name", [name for name in OF_A_FOREST if name not in ("downsample_zyx", "learner")])
def test_a_forest_takes_every_choice_that_it_reads(name: str) -> None:
    target = "instances" if name == "merge_below" else "classes"
    made = plan(SERIAL, {"learner": "forest", name: THEIRS[name]}, target=target)
    assert made.settings[name] == THEIRS[name]


@pytest.mark.parametrize(("target", "told"), [("instances", 1), ("classes", 0), ("masks", 0)])
def test_the_plan_of_a_forest_says_how_objects_are_told_apart(target: str, told: int) -> None:
    touching = replace(BLOCK, touching=0.25)
    made = plan(touching, {"learner": "forest"}, target=target)
    said = [sentence for sentence in made.sentences if "forest learns the interior of objects" in sentence]
    assert len(said) == told
    assert all(
        sentence.endswith("the surface of the objects, 25% touches another object.") for sentence in said
    )


def test_a_forest_refuses_all_such_choices_at_once() -> None:
    with pytest.raises(InvalidInput, match="no use for features=8, loss=focal: that"):
        plan(SERIAL, {"learner": "forest", "loss": "focal", "features": "8", "context": "0"})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"dimensions": "3", "context": "2"}, "context=2 is for a network that sees sections"),
        ({"rare_share": "1", "error_share": "0.5"}, "error_share=0.5 has no effect beside rare_share=1"),
    ],
)
def test_choices_to_which_others_leave_nothing_are_refused(settings: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        plan(SERIAL, settings)


@pytest.mark.parametrize(
    ("rare", "error", "told"),
    [
        ("0.5", "0.5", "50% of them around labelled objects, 50% where it errs most."),
        ("0.75", "1", "75% of them around labelled objects, 25% where it errs most (not 100%: the others go"),
    ],
)
def test_the_plan_tells_how_many_patches_are_left_to_be_drawn_by_their_error(
    rare: str, error: str, told: str
) -> None:
    assert told in " ".join(plan(SERIAL, {"rare_share": rare, "error_share": error}).sentences)


def test_a_forest_takes_its_own_settings_again() -> None:
    made = plan(SERIAL, {"learner": "forest"})
    assert plan(SERIAL, made.settings).settings == made.settings


@pytest.mark.parametrize(
    ("minutes", "told"), [(1, "takes 1 minute."), (0.5, "0.5 minutes."), (2, "2 minutes.")]
)
def test_the_time_is_told_in_minutes(minutes: float, told: str) -> None:
    assert any(told in sentence for sentence in plan(SERIAL, budget=Budget(minutes=minutes)).sentences)


@pytest.mark.parametrize(
    ("size", "features", "blocks", "told"),
    [
        (
            "small",
            (8, 16, 32, 64),
            1,
            "is small: it has 4 levels of 8 to 64 feature maps, 1 residual",
        ),
        (
            "medium",
            (16, 32, 64, 128),
            1,
            "is medium: it has 4 levels of 16 to 128 feature maps, 1 residual",
        ),
        (
            "large",
            (32, 64, 128, 256),
            2,
            "is large: it has 4 levels of 32 to 256 feature maps, 2 residual",
        ),
    ],
)
def test_a_size_is_a_name_for_feature_maps_and_blocks(
    size: str, features: tuple[int, ...], blocks: int, told: str
) -> None:
    made = plan(SERIAL, {"size": size})
    assert isinstance(made.network, UNetConfig)
    assert (made.network.features, made.network.blocks) == (features, blocks)
    assert f"The network {told}" in " ".join(made.sentences)
    assert (plan(SERIAL).network == made.network) == (size == "medium")


def test_a_few_minutes_of_a_slow_processor_are_for_a_small_network() -> None:
    minutes, longer, steps = Budget("quick"), Budget(minutes=5.1), Budget(steps=10_000)
    made = plan(SERIAL, budget=minutes, on_slow_cpu=True)
    assert (made.choices.size, made.choices.features) == ("small", 8)
    assert any("no AVX-512, and a small network learns more" in sentence for sentence in made.sentences)
    assert plan(SERIAL, made.settings).network == made.network
    assert plan(BLOCK, budget=minutes, on_slow_cpu=True).choices.size == "small"
    usual = [
        plan(SERIAL, budget=minutes),
        plan(SERIAL, budget=longer, on_slow_cpu=True),
        plan(SERIAL, budget=steps, on_slow_cpu=True),
        plan(SERIAL, {"size": "medium"}, budget=minutes, on_slow_cpu=True),
    ]
    for other in usual:
        assert (other.choices.size, other.choices.features) == ("medium", 16)
        assert not any("AVX-512" in sentence for sentence in other.sentences)
    by_hand = plan(SERIAL, {"features": "12"}, budget=minutes, on_slow_cpu=True)
    assert isinstance(by_hand.network, UNetConfig)
    assert by_hand.network.features[0] == 12
    assert plan(SERIAL, {"learner": "forest"}, budget=minutes, on_slow_cpu=True).choices.size == "medium"


@pytest.mark.parametrize(
    ("found", "size", "settings", "said"),
    [
        # Two convolutions of 3 see 2 to each side, two of 5 see 4.
        (SERIAL, VoxelSize(50, 4.6, 4.6), {"downsample_zyx": "1,2,2"}, "pixels of 9.2 x 9.2 nm (y, x)|2 x 2"),
        (SERIAL, None, {}, "pixels (y, x) whose size is not known|2 x 2"),
        (BLOCK, VoxelSize(12, 4, 4), {"kernel": "5"}, "voxels of 12 x 4 x 4 nm (z, y, x)|4 x 4 x 4"),
        (
            BLOCK,
            VoxelSize(10, 10, 10),
            {"downsample_zyx": "2,4,4"},
            "voxels of 20 x 40 x 40 nm (z, y, x)|2 x",
        ),
    ],
)
def test_the_voxels_that_the_network_works_on_and_how_far_it_looks_are_told(
    found: Fingerprint, size: VoxelSize | None, settings: dict[str, str], said: str
) -> None:
    made = plan(found, {"levels": "1", **settings}, voxel_size=size)
    large, far = said.split("|")
    told = f"It works on {large}; an answer depends on up to {far}"
    assert [sentence.startswith(told) for sentence in made.sentences].count(True) == 1
    assert not any("It works on" in sentence for sentence in plan(found, {"learner": "forest"}).sentences)


def test_what_is_chosen_by_hand_is_not_called_by_the_name_of_a_size() -> None:
    made = plan(SERIAL, {"size": "large", "features": "8", "levels": "1", "kernel": "5"})
    assert isinstance(made.network, UNetConfig)
    assert (made.network.features, made.network.blocks, made.network.kernels_zyx) == ((8,), 2, ((1, 5, 5),))
    assert any("The network has 1 level of 8 feature maps" in sentence for sentence in made.sentences)


def test_a_wide_kernel_is_wide_along_z_too_where_the_spacings_match() -> None:
    made = plan(replace(BLOCK, anisotropy=2.5), {"kernel": "5"})
    assert isinstance(made.network, UNetConfig)
    assert made.network.kernels_zyx == ((1, 5, 5), (5, 5, 5), (5, 5, 5))


def test_a_kernel_that_reaches_beyond_the_patch_from_everywhere_is_refused() -> None:
    by_hand = {"levels": "4", "downsample_zyx": "1,2,2", "kernel": "7"}
    plan(SERIAL, {**by_hand, "patch_zyx": "1,48,48"})
    with pytest.raises(InvalidInput, match="which is 1 x 2 x 2 on the coarsest of 4 levels"):
        plan(SERIAL, {**by_hand, "patch_zyx": "1,32,32"})


def test_a_plan_repeats_itself_when_its_own_settings_are_given() -> None:
    for made in (plan(SERIAL), plan(BLOCK), plan(SERIAL, {"size": "large"})):
        found = BLOCK if made.network.dims == 3 else SERIAL
        again = plan(found, made.settings)
        assert again.choices == made.choices
        assert again.network == made.network


def test_a_plan_is_plain_json() -> None:
    made = plan(SERIAL, budget=Budget(minutes=3))
    record = json.loads(json.dumps(made.to_dict()))
    assert UNetConfig.from_dict(record["network"]) == made.network
    assert Preprocessing.from_dict(record["preprocessing"]) == made.preprocessing
    assert record["seconds"] == 180


@pytest.mark.parametrize(
    "wrong", [{"minutes": 0}, {"steps": 0}, {"minutes": 1, "steps": 5}, {"preset": "slow"}]
)
def test_a_budget_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=r"\.$"):
        Budget(**wrong)  # type: ignore[arg-type]


def test_the_plan_says_when_pseudo_labels_begin() -> None:
    assert (weight_of(0.3), weight_of(0.31) > 0) == (0.0, True)
    assert any("after three tenths" in sentence for sentence in plan(SERIAL, {"pseudo": "on"}).sentences)


def test_a_thickness_that_is_not_known_is_told_and_keeps_full_resolution() -> None:
    made = plan(replace(SERIAL, thickness_voxels={}))
    assert made.preprocessing.downsample_zyx == (1, 1, 1)
    assert "How thick the objects are is not known from such labels: full resolution." in made.sentences


def test_patches_that_the_network_cannot_halve_often_enough_are_enlarged_and_that_is_said() -> None:
    made = plan(SERIAL, {"patch_zyx": "1,7,20"})
    assert made.choices.patch_zyx == (1, 16, 32)
    said = "Patches of 1 x 7 x 20 voxels become 1 x 16 x 32: the network needs multiples of 1 x 16 x 16."
    assert said in made.sentences
    assert not any("become" in sentence for sentence in plan(SERIAL, {"patch_zyx": "1,32,32"}).sentences)


def test_a_choice_that_nobody_knows_is_told_before_what_it_lacks() -> None:
    with pytest.raises(InvalidInput, match=r"freeze.*encoder.*all"):
        plan(SERIAL, {"freeze": "all"})


def test_objects_are_taken_for_three_times_as_thick_as_strokes() -> None:
    strokes = replace(SERIAL, thickness_voxels={}, stroke_width_voxels=7.0)
    made = plan(strokes)
    assert made.preprocessing.downsample_zyx == (1, 2, 2)
    assert any("three times as thick as the strokes, which are 7 voxels wide" in s for s in made.sentences)
    thin = plan(replace(strokes, stroke_width_voxels=5.0))
    assert thin.preprocessing.downsample_zyx == (1, 1, 1)


def test_one_voxel_thick_is_said_in_the_singular() -> None:
    told = plan(replace(SERIAL, thickness_voxels={1: 1.0})).sentences
    assert "The objects are about 1 voxel thick: full resolution." in told


def test_of_several_classes_the_one_that_decides_is_named() -> None:
    several = replace(SERIAL, thickness_voxels={1: 43.0, 2: 8.0}, names=("mito", "membranes"))
    told = "The objects of 'membranes' are about 8 voxels thick: full resolution."
    assert told in plan(several).sentences
    only = replace(SERIAL, thickness_voxels={1: 8.0}, names=("mito",))
    assert "The objects are about 8 voxels thick: full resolution." in plan(only).sentences


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"dimensions": "3", "downsample_zyx": "1,2,2"}, "The network works in 3D, as you chose."),
        ({"context": "0"}, "As you chose, the network works on sections; it sees no neighbours."),
        ({"context": "2"}, "As you chose, the network works on sections; it sees 2 neighbours on each side."),
        ({"downsample_zyx": "1,1,1"}, "The network works at full resolution, as you chose."),
        ({"downsample_zyx": "1,4,4"}, "The network sees 1 x 4 x 4 voxels (z, y, x) as one, as you chose."),
    ],
)
def test_what_a_person_chose_is_told_instead_of_what_was_proposed(
    settings: dict[str, str], said: str
) -> None:
    proposed, told = plan(SERIAL, {}).sentences, plan(SERIAL, settings).sentences
    assert said in told
    assert said not in proposed
    if "context" in settings or "dimensions" in settings:
        assert not any("sees their neighbours" in sentence for sentence in told)
    else:
        assert not any("as one and answers for each" in sentence for sentence in told)
