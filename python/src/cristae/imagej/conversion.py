"""``ij.ImagePlus`` to an image and back: axes, number types, calibration."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cristae.errors import InvalidInput, Unsupported
from cristae.imagej.jvm import image_plus
from cristae.volumes import ArrayImage, Image, LabelClass, VoxelSize
from cristae.volumes.units import in_unit, voxel_size_in

LARGEST_EXACT_FLOAT = 2**24
_NUMPY_TYPES: dict[int, str] = {8: "uint8", 16: "uint16", 32: "float32"}


def from_image_plus(imp: Any, *, frame: int | None = None) -> ArrayImage:
    """Copy an ImageJ image into an array image.

    Parameters
    ----------
    imp
        An ``ij.ImagePlus`` of 8, 16 or 32 bits: an image, a stack or a hyperstack, virtual ones too.
    frame
        Which time point of an image with several, from 1.

    Returns
    -------
    ArrayImage
        (c, z, y, x), with voxel size (if its unit is a length) and title. A stack that was loaded as time is
        taken for sections; its `notes` say so.

    Raises
    ------
    InvalidInput
        Colours, or several time points of which none was chosen.

    Examples
    --------
    >>> image = from_image_plus(ij.WindowManager.getCurrentImage())  # doctest: +SKIP
    """
    bits = int(imp.getBitDepth())
    title = str(imp.getTitle())
    if bits not in _NUMPY_TYPES:
        raise InvalidInput(
            f"'{title}' is a colour image. Split its channels or convert it to 8 bits first (Image > Type > "
            f"8-bit)."
        )
    channels, sections, frames = int(imp.getNChannels()), int(imp.getNSlices()), int(imp.getNFrames())
    notes: tuple[str, ...] = ()
    as_time = frames > 1 and sections == 1 and frame is None
    if as_time:
        notes = (
            f"'{title}' has {frames} time points and one section; the time points are taken for sections.",
        )
        sections = frames
    elif frames > 1 and frame is None:
        raise InvalidInput(f"'{title}' has {frames} time points of {sections} sections; choose one: frame=1.")
    if frame is not None and not 1 <= frame <= frames:
        raise InvalidInput(f"'{title}' has the time points 1 to {frames}, not {frame}.")
    height, width = int(imp.getHeight()), int(imp.getWidth())
    stack = imp.getStack()
    voxels = np.empty((channels, sections, height, width), _NUMPY_TYPES[bits])
    for z in range(sections):
        for c in range(channels):
            place = (c + 1, 1, z + 1) if as_time else (c + 1, z + 1, frame or 1)
            pixels = stack.getPixels(imp.getStackIndex(*place))
            voxels[c, z] = np.frombuffer(memoryview(pixels), voxels.dtype).reshape(height, width)
    calibration = imp.getCalibration()
    if bits == 16 and calibration.isSigned16Bit():
        notes = (*notes, f"'{title}' holds signed 16-bit numbers; they are read as float32, which is exact.")
        voxels = voxels.astype(np.float32) - 32768
    return ArrayImage(voxels, _voxel_size(calibration), title, notes)


def to_image_plus(
    source: NDArray[Any] | Image,
    *,
    title: str = "",
    voxel_size: VoxelSize | None = None,
    classes: Sequence[LabelClass] = (),
) -> Any:
    """Copy an array or an image into a new ``ij.ImagePlus``; it is not shown.

    Parameters
    ----------
    source
        (y, x), (z, y, x) or (c, z, y, x). Several channels give a hyperstack. 32-bit integers come as 16 bits
        if they fit, else as 32-bit floats, which hold whole numbers up to 16,777,216 exactly.
    title
        Default: the image's name.
    voxel_size
        Default: the image's.
    classes
        Shown as the property "cristae.classes", "1=mitochondria" a line.

    Raises
    ------
    Unsupported
        Numbers beyond 16,777,216: ImageJ cannot show them.
    """
    from cristae.geometry import Box

    image = source if isinstance(source, Image) else ArrayImage(np.asarray(source), voxel_size, title)
    size = voxel_size or image.voxel_size
    channels, sections, height, width = image.shape_czyx
    voxels = _shown(image.read(Box.of_shape((sections, height, width))))
    import scyjava

    made = image_plus()  # says what is missing before anything else fails
    stack = scyjava.jimport("ij.ImageStack")(width, height)
    for z in range(sections):
        for c in range(channels):
            stack.addSlice("", _java_array(voxels[c, z]))
    imp = made(title or image.name or "Untitled", stack)
    imp.setDimensions(channels, sections, 1)
    imp.setOpenAsHyperStack(channels > 1)
    if size is not None:
        unit, (step_z, step_y, step_x) = in_unit(size)
        calibration = imp.getCalibration()
        calibration.setUnit(unit)
        calibration.pixelDepth, calibration.pixelHeight, calibration.pixelWidth = step_z, step_y, step_x
    if classes:
        imp.setProp("cristae.classes", "\n".join(f"{entry.value}={entry.name}" for entry in classes))
    imp.setDisplayRange(float(voxels.min()), float(max(voxels.max(), voxels.min() + 1)))
    return imp


def _voxel_size(calibration: Any) -> VoxelSize | None:
    lengths = (calibration.pixelDepth, calibration.pixelHeight, calibration.pixelWidth)
    z, y, x = (float(length) for length in lengths)
    return voxel_size_in(str(calibration.getUnit()), z, y, x)


def _shown(voxels: NDArray[Any]) -> NDArray[Any]:
    """Return the voxels in a type that ImageJ has."""
    if voxels.dtype != np.uint32:
        return voxels
    largest = int(voxels.max())
    if largest <= np.iinfo(np.uint16).max:
        return voxels.astype(np.uint16)
    if largest > LARGEST_EXACT_FLOAT:
        raise Unsupported(
            f"The ids go up to {largest}, and ImageJ holds whole numbers up to {LARGEST_EXACT_FLOAT} only. "
            "Keep the array, or cut a part out whose ids are smaller."
        )
    return voxels.astype(np.float32)


def _java_array(plane: NDArray[Any]) -> Any:
    """Copy one plane into a Java array; the bits are kept, since Java's bytes and shorts are signed."""
    import jpype

    flat = np.ascontiguousarray(plane).reshape(-1)
    signed = {1: np.int8, 2: np.int16}.get(flat.dtype.itemsize)
    return jpype.JArray.of(flat if signed is None else flat.view(signed))
