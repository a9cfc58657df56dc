from collections.abc import Callable

import pytest

from cristae.errors import NotFound, Unsupported
from cristae.imagej import from_image_plus, start


def test_images_of_every_type_come_back_as_they_went(in_imagej: Callable[[str], None]) -> None:
    in_imagej("""
    random = np.random.default_rng(0)
    size = VoxelSize(50.0, 4.6, 4.6, "micron")
    for dtype in (np.uint8, np.uint16, np.float32):
        for shape in ((5, 7), (3, 5, 7), (2, 3, 5, 7)):
            voxels = random.integers(0, 256, shape).astype(dtype)
            if dtype == np.uint16:
                voxels += 40_000
            if dtype == np.float32:
                voxels = voxels / 3 - 50
            imp = to_image_plus(voxels, title="stack.tif", voxel_size=size)
            back = from_image_plus(imp)
            c, z, y, x = back.shape_czyx
            assert (c, z, y, x) == (1,) * (4 - len(shape)) + shape, back.shape_czyx
            from cristae.geometry import Box
            again = back.read(Box.of_shape((z, y, x)))
            assert again.dtype == dtype
            assert np.array_equal(again.reshape(shape), voxels)
            assert back.voxel_size == size, back.voxel_size
            assert back.name == "stack.tif"
            assert str(imp.getCalibration().getUnit()) in ("micron", "\\u00b5m")
            assert abs(imp.getCalibration().pixelWidth - 0.0046) < 1e-12
            assert imp.isHyperStack() == (len(shape) == 4)
    """)


def test_imagej_itself_sees_the_voxels_at_their_places(in_imagej: Callable[[str], None]) -> None:
    in_imagej("""
    voxels = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 3, 4, 5) + 60_000
    imp = to_image_plus(voxels)
    for c, z, y, x in [(0, 0, 0, 0), (1, 2, 3, 4), (1, 0, 2, 1), (0, 2, 1, 3)]:
        imp.setPositionWithoutUpdate(c + 1, z + 1, 1)
        processor = imp.getStack().getProcessor(imp.getStackIndex(c + 1, z + 1, 1))
        assert processor.get(x, y) == voxels[c, z, y, x]
    """)


def test_a_hyperstack_made_by_imagej_is_read_in_its_own_order(in_imagej: Callable[[str], None]) -> None:
    in_imagej("""
    from cristae.geometry import Box
    IJ = scyjava.jimport("ij.IJ")
    imp = IJ.createHyperStack("hyper", 6, 4, 2, 3, 2, 8)
    for index in range(1, imp.getStackSize() + 1):
        c, z, t = imp.convertIndexToPosition(index)
        imp.getStack().getProcessor(index).add(100 * int(t) + 10 * int(z) + int(c))
    second = from_image_plus(imp, frame=2).read(Box.of_shape((3, 4, 6)))
    assert second.shape == (2, 3, 4, 6)
    assert second[:, :, 0, 0].tolist() == [[211, 221, 231], [212, 222, 232]]
    from cristae.errors import InvalidInput
    try:
        from_image_plus(imp)
    except InvalidInput as refusal:
        assert "2 time points of 3 sections" in refusal.sentence
    else:
        raise AssertionError("not refused")
    """)


def test_what_imagej_has_in_other_ways_is_told_or_refused(in_imagej: Callable[[str], None]) -> None:
    in_imagej("""
    from cristae.errors import InvalidInput
    from cristae.geometry import Box
    IJ = scyjava.jimport("ij.IJ")
    as_time = IJ.createHyperStack("stack", 6, 4, 1, 1, 5, 16)
    read = from_image_plus(as_time)
    assert read.shape_czyx == (1, 5, 4, 6)
    assert "taken for sections" in read.notes[0]
    assert read.voxel_size is None  # "pixel" is no length

    colour = IJ.createImage("colour", "RGB", 6, 4, 1)
    try:
        from_image_plus(colour)
    except InvalidInput as refusal:
        assert "colour image" in refusal.sentence
    else:
        raise AssertionError("not refused")

    signed = IJ.createImage("signed", "16-bit black", 3, 2, 1)
    signed.getCalibration().setSigned16BitCalibration()
    values = from_image_plus(signed).read(Box.of_shape((1, 2, 3)))
    assert values.dtype == np.float32 and (values == -32768).all()
    """)


def test_ids_arrive_exactly_or_not_at_all(in_imagej: Callable[[str], None]) -> None:
    in_imagej("""
    from cristae.errors import Unsupported
    from cristae.geometry import Box
    few = np.array([[0, 65_535]], np.uint32)
    many = np.array([[70_000, 2**24]], np.uint32)
    for ids, bits in ((few, 16), (many, 32)):
        imp = to_image_plus(ids)
        assert imp.getBitDepth() == bits
        assert np.array_equal(from_image_plus(imp).read(Box.of_shape((1, 1, 2)))[0, 0], ids)
    try:
        to_image_plus(np.array([[2**24 + 1]], np.uint32))
    except Unsupported as refusal:
        assert "16777217" in refusal.sentence
    else:
        raise AssertionError("not refused")
    named = to_image_plus(few, classes=(LabelClass(1, "mitochondria"), LabelClass(2, "vesicles")))
    assert str(named.getProp("cristae.classes")) == "1=mitochondria\\n2=vesicles"
    start()  # once more is the same as once
    """)


def test_a_stack_goes_from_imagej_through_a_file_and_back(in_imagej: Callable[[str], None]) -> None:
    in_imagej("""
    import tempfile, pathlib
    from cristae.geometry import Box
    from cristae.volumes import open_image
    folder = pathlib.Path(tempfile.mkdtemp())
    voxels = np.random.default_rng(2).integers(0, 65_535, (4, 6, 8)).astype(np.uint16)
    imp = to_image_plus(voxels, voxel_size=VoxelSize(40, 4, 4, "nm"))
    scyjava.jimport("ij.IJ").saveAsTiff(imp, str(folder / "saved.tif"))
    image = open_image(folder / "saved.tif")
    assert np.array_equal(image.read(Box.of_shape((4, 6, 8)))[0], voxels)
    assert image.voxel_size.zyx_nm == (40.0, 4.0, 4.0)
    reopened = scyjava.jimport("ij.IJ").openImage(str(folder / "saved.tif"))
    assert np.array_equal(from_image_plus(reopened).read(Box.of_shape((4, 6, 8)))[0], voxels)
    """)


def test_without_imagej_there_is_a_sentence_and_nothing_is_downloaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CRISTAE_IJ_JAR", raising=False)
    with pytest.raises(NotFound, match=r"CRISTAE_IJ_JAR"):
        start()
    with pytest.raises(NotFound, match="There is no file"):
        start("nowhere/ij.jar")
    import scyjava

    assert scyjava.config.get_fetch_java() == "never"
    assert not scyjava.jvm_started()
    import numpy as np

    from cristae.imagej import to_image_plus

    with pytest.raises(Unsupported, match="No Java runs"):
        to_image_plus(np.zeros((2, 2), np.uint8))
    assert from_image_plus.__doc__
