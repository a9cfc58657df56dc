"""Units of length, as files of microscopes and of ImageJ name them."""

from cristae.errors import InvalidInput
from cristae.volumes.spec import VoxelSize

_MICRO = ("micron", "microns", "micrometer", "micrometre", "um", "\u00b5m", "\u03bcm")
_NM_PER_UNIT = {
    **dict.fromkeys(("nm", "nanometer", "nanometre", "nanometers", "nanometres"), 1.0),
    **dict.fromkeys(_MICRO, 1e3),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e6),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e7),
    **dict.fromkeys(("m", "meter", "metre"), 1e9),
    **dict.fromkeys(("inch", "in", "inches"), 2.54e7),
    **dict.fromkeys(("a", "\u00e5", "\u212b", "angstrom"), 0.1),
    **dict.fromkeys(("pm", "picometer", "picometre"), 1e-3),
}


def nm_per_unit(unit: str) -> float | None:
    r"""Return the length of a unit in nanometres, or None if it is not a length ("pixel", "", ...).

    Examples
    --------
    >>> nm_per_unit("micron"), nm_per_unit("\u00B5m"), nm_per_unit("pixel")
    (1000.0, 1000.0, None)
    """
    return _NM_PER_UNIT.get(plain_unit(unit).lower())


def plain_unit(unit: str) -> str:
    """Return a unit's name without the escapes that ImageJ writes for letters beyond ASCII."""
    return unit.replace("\\u00B5", "\u00b5").replace("\\u00b5", "\u00b5").strip().strip("\0")


def voxel_size_in(unit: str, z: float, y: float, x: float) -> VoxelSize | None:
    """Return the voxel size given in a unit, or None if the unit or a number means nothing.

    Examples
    --------
    >>> voxel_size_in("micron", 0.05, 0.004, 0.004)
    VoxelSize(z_nm=50.0, y_nm=4.0, x_nm=4.0, display_unit='micron')
    """
    factor = nm_per_unit(unit)
    if factor is None:
        return None
    try:
        # Rounded to a billionth, since "0.0046 micron" shall be 4.6 nm and not 4.6000000000000005.
        z_nm, y_nm, x_nm = (float(f"{length * factor:.9g}") for length in (z, y, x))
        return VoxelSize(z_nm, y_nm, x_nm, plain_unit(unit))
    except InvalidInput:
        return None


def in_unit(size: VoxelSize) -> tuple[str, tuple[float, float, float]]:
    """Return the display unit and the lengths (z, y, x) in it; nm if the unit is not a length."""
    factor = nm_per_unit(size.display_unit)
    if factor is None:
        return "nm", size.zyx_nm
    z, y, x = (float(f"{length / factor:.12g}") for length in size.zyx_nm)
    return size.display_unit, (z, y, x)
