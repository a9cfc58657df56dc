"""Model packages and the library that holds them."""

from cristae.models.library import ModelLibrary
from cristae.models.names import check_model_name
from cristae.models.package import ModelPackage, read_package, write_package
from cristae.models.previews import classes_of, read_preview
from cristae.models.record import SCHEMA, check_record

__all__ = [
    "SCHEMA",
    "ModelLibrary",
    "ModelPackage",
    "check_model_name",
    "check_record",
    "classes_of",
    "read_package",
    "read_preview",
    "write_package",
]
