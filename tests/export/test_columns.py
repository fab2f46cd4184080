from __future__ import annotations

import re

import pytest
from astropy import units
from astropy.io.votable.ucd import parse_ucd

from galspec_spark.catalog.keys import KEYS
from galspec_spark.export.columns import CATALOGUE, ORDER
from galspec_spark.export.line_columns import WITH_LINES
from galspec_spark.measure.schema import LINES
from galspec_spark.warehouse.columns import Column
from galspec_spark.warehouse.schemas import CATALOG

FITS_COLUMNS = 999  #: as many as a table of FITS may have
CARD = 68  #: characters of text that one card of a FITS header holds


def test_every_column_of_the_catalogue_is_described() -> None:
    assert set(CATALOGUE.described) == {
        *CATALOG.names, *KEYS.names, "survey", "release", "model",
    }  # fmt: skip
    assert set(ORDER) <= set(CATALOGUE.schema.names)


def test_every_column_of_the_lines_is_described() -> None:
    names = list(WITH_LINES.described)
    assert names == WITH_LINES.schema.names
    assert names[: len(CATALOGUE.described)] == list(CATALOGUE.described)
    assert set(LINES.names) - set(names) == {"file"}
    assert len(names) <= FITS_COLUMNS


def test_names_differ_in_more_than_case() -> None:
    assert len({name.lower() for name in WITH_LINES.described}) == len(WITH_LINES.described)
    assert all(re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) for name in WITH_LINES.described)


@pytest.mark.parametrize("column", WITH_LINES.described.values(), ids=WITH_LINES.described)
def test_descriptions_fit_ucds_and_units_are_those_of_the_standards(column: Column) -> None:
    assert 0 < len(column.description) + column.description.count("'") <= CARD
    parse_ucd(column.ucd, check_controlled_vocabulary=True)
    if column.unit is not None:
        units.Unit(column.unit, format="fits")
        units.Unit(column.unit, format="vounit")
