"""Objects in numbers: size, place, form, grey values, contacts and distances, in physical units."""

from cristae.measuring.files import check_form, files_of, write_tables
from cristae.measuring.inputs import Units
from cristae.measuring.measure import Beside, Measurements, check_measurement, measure
from cristae.measuring.querying import chosen_by
from cristae.measuring.summary import summary, summary_csv
from cristae.measuring.table import Table

__all__ = [
    "Beside",
    "Measurements",
    "Table",
    "Units",
    "check_form",
    "check_measurement",
    "chosen_by",
    "files_of",
    "measure",
    "summary",
    "summary_csv",
    "write_tables",
]
