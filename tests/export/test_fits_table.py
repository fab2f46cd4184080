from __future__ import annotations

import math

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.table import Table

from galspec_spark.export.fits_table import BLOCK
from galspec_spark.export.line_columns import WITH_LINES
from galspec_spark.labels import BINARY
from galspec_spark.lines.linelist import all_lines
from galspec_spark.warehouse.flags import FLAGS
from tests.export.catalogue import COMPONENTS, ROWS, without_empty_text
from tests.export.conftest import Exported


def test_rows_are_as_in_the_catalogue(exported: Exported) -> None:
    table = Table.read(exported.folder / "catalog.fits")
    assert table.colnames == list(WITH_LINES.described)
    rows = [without_empty_text(row) for row in exported.rows]
    for name in set(WITH_LINES.described) - {"features"}:
        expected = [row[name] for row in rows]
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
    numbers = range(1, header["TFIELDS"] + 1)
    nulls = {header[f"TTYPE{n}"] for n in numbers if f"TNULL{n}" in header}
    of_lines = {f"{line}_{value}" for line in all_lines() for value in ("pixels", "flag")}
    of_fits = {"continuum_pixels", "converged", "formula_broadline", "templates_seen"}
    keys = {"plate", "mjd", "fiber", "target_id", "zwarning", "simulated"}
    assert nulls == {"healpix29", "label"} | keys | of_fits | of_lines
    assert math.isnan(row["probability"])
    assert row["prediction_set"] == ""
    found = set(np.delete(rows["prediction_set"], missing))
    assert found == set(BINARY.set_names)  # "empty" is not ""
    assert np.isnan(row["features"]).all()


def test_header_describes_columns_flags_and_provenance(exported: Exported) -> None:
    place = exported.folder / "catalog.fits"
    with fits.open(place) as file:
        file.verify("exception")
        header = file[1].header
        assert file[1].name == "CATALOG"
    assert place.stat().st_size % BLOCK == 0
    assert header["NAXIS2"] == ROWS
    for number, (name, column) in enumerate(WITH_LINES.described.items(), 1):
        assert header[f"TTYPE{number}"] == name
        assert header[f"TCOMM{number}"] == column.description
        assert header[f"TUCD{number}"] == column.ucd
    table = Table.read(place)
    assert table["ra"].unit == units.deg
    assert table["h_beta_area_err"].unit == units.Unit("1e-17 erg / (s cm2)")
    assert table["h_beta_continuum"].unit == units.Unit("1e-17 erg / (s cm2 Angstrom)")
    assert table["h_beta_ew"].unit == units.Angstrom
    assert table["velocity_dispersion"].unit == units.km / units.s
    for name, (bit, meaning) in FLAGS.items():
        assert header[f"FLAG{bit}"] == f"{name}: {meaning}"
    assert "config_hash = 0123abcd" in list(header["HISTORY"])
    assert "filter = none" in list(header["HISTORY"])
