from __future__ import annotations

import math

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.table import Table

from galspec_spark.export.columns import COLUMNS
from galspec_spark.export.fits_table import BLOCK
from galspec_spark.warehouse.flags import FLAGS
from tests.export.catalogue import COMPONENTS, ROWS
from tests.export.conftest import Exported


def test_rows_are_as_in_the_catalogue(exported: Exported) -> None:
    table = Table.read(exported.folder / "catalog.fits")
    assert table.colnames == list(COLUMNS)
    for name in set(COLUMNS) - {"features"}:
        expected = [row[name] for row in exported.rows]
        # FITS has no missing text, only an empty one
        assert [None if value == "" else value for value in table[name].tolist()] == expected
    vectors = [row["features"] or [None] * COMPONENTS for row in exported.rows]
    assert table["features"].tolist() == vectors


def test_missing_are_null_and_nan(exported: Exported) -> None:
    with fits.open(exported.folder / "catalog.fits") as file:
        rows = file[1].data
        header = file[1].header
    missing = np.flatnonzero([row["ra"] is None for row in exported.rows])
    assert len(missing) == 1
    row = rows[missing[0]]
    assert row["label"] == row["healpix29"] == -1
    nulls = {header[f"TTYPE{n}"] for n in range(1, len(COLUMNS) + 1) if f"TNULL{n}" in header}
    assert nulls == {"healpix29", "label"}
    assert math.isnan(row["probability"])
    assert np.isnan(row["features"]).all()


def test_header_describes_columns_flags_and_provenance(exported: Exported) -> None:
    place = exported.folder / "catalog.fits"
    with fits.open(place) as file:
        file.verify("exception")
        header = file[1].header
        assert file[1].name == "CATALOG"
    assert place.stat().st_size % BLOCK == 0
    assert header["NAXIS2"] == ROWS
    for number, (name, column) in enumerate(COLUMNS.items(), 1):
        assert header[f"TTYPE{number}"] == name
        assert header[f"TCOMM{number}"] == column.description
        assert header[f"TUCD{number}"] == column.ucd
    assert Table.read(place)["ra"].unit == units.deg
    for name, (bit, meaning) in FLAGS.items():
        assert header[f"FLAG{bit}"] == f"{name}: {meaning}"
    assert "config_hash = 0123abcd" in list(header["HISTORY"])
    assert "filter = none" in list(header["HISTORY"])
