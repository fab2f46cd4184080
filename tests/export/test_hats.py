from __future__ import annotations

from pathlib import Path

import hats
import lsdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from hats.io.validation import is_valid_catalog
from hats.pixel_math.spatial_index import compute_spatial_index
from nested_pandas import NestedDtype
from pyspark.sql import SparkSession

from galspec_spark.catalog.read import PLACE
from galspec_spark.errors import UserError
from galspec_spark.export.hats import Layout, Pixel, divide, write_hats
from galspec_spark.export.line_columns import WITH_LINES
from galspec_spark.export.nested_spectra import with_spectra
from galspec_spark.spectrum.grid import PIXELS, wavelength
from tests.export.catalogue import PROVENANCE, ROWS
from tests.export.conftest import Exported, in_many_parts

MAX_ROWS = 4
FEW = Layout(MAX_ROWS, row_group=2, has_spectra=True)


@pytest.fixture(scope="module")
def divided(
    spark: SparkSession, exported: Exported, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The catalogue in partitions of so few rows that they are of several orders."""
    folder = tmp_path_factory.mktemp("divided")
    rows = in_many_parts(spark, exported, folder / "rows")
    write_hats(spark, rows, folder / "hats", PROVENANCE, FEW)
    return folder / "hats"


def test_lsdb_reads_the_rows(exported: Exported) -> None:
    catalog = lsdb.open_catalog(exported.folder / "hats")
    placed = [row for row in exported.rows if row["ra"] is not None]
    assert len(catalog) == len(placed) == ROWS - 1
    assert exported.summary["hats_rows_without_position"] == 1
    frame = catalog.compute().sort_index()
    assert frame.index.tolist() == [row["healpix29"] for row in placed]
    for name in set(WITH_LINES.described) - {"healpix29", "features"}:
        assert frame[name].to_numpy(object, na_value=None).tolist() == [r[name] for r in placed]
    assert [list(row) for row in frame["features"]] == [row["features"] for row in placed]


def test_lsdb_searches_the_sky(divided: Path, exported: Exported) -> None:
    target = exported.rows[-1]
    catalog = lsdb.open_catalog(divided)
    found = catalog.cone_search(target["ra"], target["dec"], radius_arcsec=1).compute()
    assert found["spectrum_id"].tolist() == [target["spectrum_id"]]


@pytest.mark.parametrize("which", ["divided", "hats", "hats-spectra"])
def test_layout_is_valid(which: str, divided: Path, exported: Exported) -> None:
    folder = divided if which == "divided" else exported.folder / which
    assert is_valid_catalog(folder, strict=True)


def test_partitions_are_pixels_with_few_sorted_rows(divided: Path) -> None:
    catalog = hats.read_hats(divided)
    pixels = catalog.get_healpix_pixels()
    assert len({pixel.order for pixel in pixels}) > 1
    total = 0
    for pixel in pixels:
        rows = pq.read_table(divided / "dataset" / Pixel(pixel.order, pixel.pixel).file)
        index = rows["_healpix_29"].to_numpy()
        assert 0 < len(index) <= MAX_ROWS
        assert (np.diff(index) >= 0).all()
        assert (index >> 2 * (29 - pixel.order) == pixel.pixel).all()
        positions = compute_spatial_index(rows["ra"].to_numpy(), rows["dec"].to_numpy())
        np.testing.assert_array_equal(index, positions)
        total += len(index)
    assert total == catalog.catalog_info.total_rows == ROWS - 1
    footer = pq.read_metadata(divided / "dataset" / "_metadata")
    sizes = [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]
    assert (sum(sizes), max(sizes)) == (ROWS - 1, FEW.row_group)


def test_provenance_and_columns_are_described(exported: Exported, tmp_path: Path) -> None:
    folder = exported.folder / "hats"
    info = hats.read_hats(folder).catalog_info
    assert info.galspec_run_id == PROVENANCE["run_id"]
    metadata = pq.read_schema(folder / "dataset" / "_common_metadata").metadata
    (tmp_path / "columns.vot").write_bytes(metadata[b"IVOA.VOTable-Parquet.content"])
    table = Table.read(tmp_path / "columns.vot")
    for name in ("probability", "h_beta_area"):
        assert table[name].description == WITH_LINES.described[name].description
    assert table["_healpix_29"].meta["ucd"] == "pos.healpix"
    assert str(table["ra"].unit) == "deg"


def test_lsdb_has_each_row_with_its_spectrum(divided: Path, exported: Exported) -> None:
    """Partitions are of rows of two parts, and row groups of a part are read in pieces."""
    warehouse = exported.folder.parent / "warehouse"
    stored = pa.concat_tables(
        pq.read_table(place, columns=["spectrum_id", "flux", "ivar"], partitioning=None)
        for place in warehouse.glob("restframe/*/*/*.parquet")
    ).to_pylist()
    stored = {row["spectrum_id"]: row for row in stored}
    placed = [row["spectrum_id"] for row in exported.rows if row["ra"] is not None]
    for folder in (divided, exported.folder / "hats-spectra"):
        catalog = lsdb.open_catalog(folder)
        assert catalog.nested_columns == ["spectrum"]
        assert isinstance(catalog.dtypes["spectrum"], NestedDtype)
        assert set(catalog.dtypes["spectrum"].column_dtypes) == {"wavelength", "flux", "ivar"}
        rows = catalog.compute().set_index("spectrum_id")
        assert sorted(rows.index) == sorted(placed)
        empty = [name for name, spectrum in rows["spectrum"].items() if spectrum is pd.NA]
        assert empty == [name for name in rows.index if stored[name]["flux"] is None]
        for name, spectrum in rows["spectrum"].drop(empty).items():
            assert spectrum["flux"].tolist() == stored[name]["flux"]
            assert spectrum["ivar"].tolist() == stored[name]["ivar"]
            np.testing.assert_allclose(spectrum["wavelength"], wavelength(), rtol=1e-7)


def test_lsdb_reads_a_part_of_the_spectra(exported: Exported) -> None:
    folder = exported.folder / "hats-spectra"
    catalog = lsdb.open_catalog(folder, columns=["spectrum_id", "spectrum.flux"])
    found = catalog.compute()["spectrum"]
    assert [*found.dtype.column_dtypes] == ["flux"]
    assert {len(spectrum) for spectrum in found if spectrum is not pd.NA} == {PIXELS}


def test_other_spectra_are_an_error(exported: Exported) -> None:
    place = exported.folder.parent / "warehouse/restframe/survey=sdss/release=dr14/0.parquet"
    rows = {"spectrum_id": ["another"], PLACE.names[0]: [str(place)], PLACE.names[1]: [0]}
    with pytest.raises(UserError, match=r"0\.parquet has other spectra than the table catalog"):
        with_spectra(pa.table(rows))


def test_pixels_are_divided_until_they_have_few_rows() -> None:
    histogram = np.zeros(12 * 16, np.int64)
    histogram[[0, 1, 2, 5, 16, 17, 100]] = [9, 1, 1, 3, 2, 2, 5]
    assert divide(histogram, 4) == {
        Pixel(2, 0): 9,  # too many, but there are no smaller ones
        Pixel(2, 1): 1,
        Pixel(2, 2): 1,
        Pixel(1, 1): 3,
        Pixel(0, 1): 4,
        Pixel(2, 100): 5,
    }
