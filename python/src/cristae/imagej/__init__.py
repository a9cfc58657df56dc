"""ImageJ's windows as arrays and back."""

from cristae.imagej.conversion import from_image_plus, to_image_plus
from cristae.imagej.jvm import IJ_JAR_VARIABLE, start

__all__ = ["IJ_JAR_VARIABLE", "from_image_plus", "start", "to_image_plus"]
