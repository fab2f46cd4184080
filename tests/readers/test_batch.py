"""What is stored of a spectrum's numbers: finite, on the sky, the same for every reader."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits

from galspec_spark.readers import read_spectra
from galspec_spark.readers.batch import in_sky_order, spectra_table
from galspec_spark.readers.source import Source
from galspec_spark.verify.rows import check_rows
from galspec_spark.warehouse.fields import PROVENANCE
from galspec_spark.warehouse.storage import Location
from tests import desi_files, plate_files, spec_files
from tests.plate_files import to_bytes

INF = float("inf")
FIBERS = np.arange(1, plate_files.FIBERS + 1)


def stored(hdus: fits.HDUList, **beside: fits.HDUList) -> pa.Table:
    """Return the rows of a file as ingest stores them; verify must find nothing in them."""
    files = {f"{name}.fits": to_bytes(other) for name, other in beside.items()}
    _, rows = read_spectra(Source("coadd-a.fits", to_bytes(hdus), files.get))
    for row in rows:
        row["spectrum_id"], row["file"] = f"{row['survey']}-dr1-{row['key']}", "a.fits"
    table = spectra_table(in_sky_order(rows), {field.name: "" for field in PROVENANCE})
    place = Location(f"/w/spectra/survey={rows[0]['survey']}/release=dr1/a.parquet")
    found = [check_rows("spectra", place, batch) for batch in table.to_batches()]
    assert found == [[]]
    return table


def lines_with(value: float) -> fits.HDUList:
    hdus = spec_files.hdus()
    hdus[3].data["LINEAREA"][1] = value
    return hdus


def zbest_with(**values: float) -> fits.HDUList:
    hdus = plate_files.spzbest(FIBERS)
    for name, value in values.items():
        hdus[1].data[name][0] = value
    return hdus


SPECTRA: dict[str, tuple[fits.HDUList, dict[str, fits.HDUList], str]] = {
    "spec file": (spec_files.hdus(Z=INF), {}, "z"),
    "error": (spec_files.hdus(Z_ERR=-INF), {}, "z_err"),
    "more than float32": (spec_files.sdss_v(SN_MEDIAN_ALL=1e300), {}, "sn_median"),
    "position": (spec_files.hdus(PLUG_RA=INF), {}, "ra"),
    "line": (lines_with(INF), {}, "oii_3729_area"),
    "plate": (plate_files.plate(), {"spZbest-0266-51630": zbest_with(Z=INF)}, "z"),
    "coadd": (
        desi_files.coadd(),
        {"redrock-a": desi_files.redrock(Z=np.array([-INF, INF, np.nan, 1]))},
        "z",
    ),
}


@pytest.mark.parametrize("case", SPECTRA)
def test_an_infinite_number_is_null(case: str) -> None:
    hdus, beside, column = SPECTRA[case]
    table = stored(hdus, **beside)
    assert table[column].null_count > 0
    assert column == "ra" or table["ra"].null_count == 0


@pytest.mark.parametrize(
    ("given", "expected"),
    [(-0.5, 359.5), (-180.0, 180.0), (360.0, 0.0), (-1e-20, 0.0), (-0.0, 0.0), (359.5, 359.5)],
)
def test_a_right_ascension_is_from_0_to_360(given: float, expected: float) -> None:
    row: dict[str, Any] = stored(spec_files.hdus(PLUG_RA=given)).to_pylist()[0]
    assert (row["ra"], str(row["ra"])) == (expected, str(expected))
    assert row["healpix29"] is not None


@pytest.mark.parametrize("placeholder", [-9999.0, -999.0, 1e300])
def test_a_placeholder_is_nowhere_on_the_sky(placeholder: float) -> None:
    row = stored(spec_files.hdus(PLUG_RA=placeholder)).to_pylist()[0]
    assert (row["ra"], row["healpix29"]) == (placeholder, None)
