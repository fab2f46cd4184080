from __future__ import annotations

import pytest
from astropy import units
from astropy.io.votable.ucd import parse_ucd

from galspec_spark.export.columns import COLUMNS, ORDER, SCHEMA, Column
from galspec_spark.warehouse.schemas import CATALOG

CARD = 68  #: characters of text that one card of a FITS header holds


def test_every_column_of_the_catalogue_is_described() -> None:
    assert set(COLUMNS) == {*CATALOG.names, "survey", "release", "model"}
    assert set(ORDER) <= set(SCHEMA.names)


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_descriptions_fit_ucds_and_units_are_those_of_the_standards(column: Column) -> None:
    assert 0 < len(column.description) + column.description.count("'") <= CARD
    parse_ucd(column.ucd, check_controlled_vocabulary=True)
    if column.unit is not None:
        units.Unit(column.unit, format="fits")
        units.Unit(column.unit, format="vounit")
