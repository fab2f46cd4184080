"""Spectra and their catalogues end in the same table, in whatever order and form they arrive."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from pyspark.sql import SparkSession

from galspec_spark.harness.run import Run
from galspec_spark.ingest.companions import has_catalogue_in
from galspec_spark.ingest.stage import ingest
from galspec_spark.preprocess.stage import preprocess
from galspec_spark.readers import read_spectra
from galspec_spark.readers.opening import open_source
from galspec_spark.verify.files import COMPARED
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.sample import sample_place
from galspec_spark.warehouse.tables import Warehouse
from tests import desi_files, plate_files, spec_files
from tests.plate_files import to_bytes

FIBERS = np.arange(1, plate_files.FIBERS + 1)
NEWER = np.array([0.5, 0.6, 0.7, 0.8])

#: File of spectra, catalogue, and the two file names.
PAIRS: dict[str, tuple[Callable[[], fits.HDUList], Callable[[], fits.HDUList], str, str]] = {
    "coadd": (
        desi_files.coadd,
        desi_files.redrock,
        "coadd-sv3-bright-12345.fits",
        "redrock-sv3-bright-12345.fits",
    ),
    "early coadd": (
        desi_files.coadd,
        lambda: desi_files.redrock(name="ZBEST"),
        "coadd-4-80613-deep.fits",
        "zbest-4-80613-deep.fits",
    ),
    "plate": (
        lambda: plate_files.plate(RUN2D="v5_7_0"),
        lambda: plate_files.spzbest(FIBERS),
        "spPlate-0266-51630.fits",
        "v5_7_0/spZbest-0266-51630.fits",
    ),
}


def write(folder: Path, name: str, hdus: fits.HDUList) -> Path:
    """Write a file, compressed where its name says so."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = to_bytes(hdus)
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize(("of_spectra", "of_catalogue"), [("", ".gz"), (".gz", ""), (".gz", ".gz")])
def test_compression_does_not_part_them(
    pair: str, of_spectra: str, of_catalogue: str, tmp_path: Path
) -> None:
    spectra, catalogue, name, other = PAIRS[pair]
    path = write(tmp_path, name + of_spectra, spectra())
    companion = write(tmp_path, other + of_catalogue, catalogue())
    _, rows = read_spectra(open_source(str(path), path.stat().st_size))
    assert rows[0]["class"] == "GALAXY"
    paths = pa.chunked_array([[str(path), str(companion), f"{tmp_path}/coadd-other.fits"]])
    read = pa.chunked_array([[str(companion)]])
    assert has_catalogue_in(paths, read).to_pylist() == [True, False, False]


def table_of(warehouse: Warehouse) -> list[dict[str, object]]:
    """Return what the files determine of all spectra."""
    parts = [open_part(part).read(COMPARED.names) for part in warehouse.parts("spectra")]
    return pa.concat_tables(parts).sort_by("spectrum_id").to_pylist()


def test_the_table_is_that_of_a_fresh_ingest_whatever_came_first(
    spark: SparkSession, tmp_path: Path, run_of: Callable[..., Run]
) -> None:
    """Coadd, plate and catalogues come on four days, each in a form of its own."""
    survey, warehouse = tmp_path / "survey", Warehouse(tmp_path / "warehouse")

    def day(inputs: Sequence[Path], **counts: int) -> list[dict[str, object]]:
        summary = ingest(spark, run_of(), [str(path) for path in inputs], warehouse, "dr1")
        assert {name: summary[name] for name in counts} == counts
        assert summary["files"] == summary["read"] + summary["quarantined"] + summary["skipped"]
        return table_of(warehouse)

    def classes_of_sample() -> list[str]:
        preprocess(spark, run_of(preprocess={"coverage_min": 0.5}), warehouse)
        sample = open_part(sample_place(warehouse)).read(["spectrum_id", "class"])
        return sample.sort_by("spectrum_id")["class"].to_pylist()

    usable = spec_files.write(survey, 20)  # no fibre of the plate
    coadd = write(survey, "desi/coadd-a.fits.gz", desi_files.coadd())
    zbest = write(survey, "sdss/v5_7_0/spZbest-0266-51630.fits.gz", plate_files.spzbest(FIBERS))
    first = day([survey], read=3, spectra=1 + len(desi_files.TARGETS))
    assert [row["class"] for row in first] == [None] * len(desi_files.TARGETS) + ["GALAXY"]
    assert classes_of_sample() == [row["class"] for row in first]

    redrock = write(survey, "desi/redrock-a.fits", desi_files.redrock())
    plate = write(survey, "sdss/spPlate-0266-51630.fits", plate_files.plate(RUN2D="v5_7_0"))
    assert None not in {row["class"] for row in day([survey], read=3, replaced=1)}

    write(survey, "desi/redrock-a.fits", desi_files.redrock(Z=NEWER))
    write(survey, "sdss/v5_7_0/spZline-0266-51630.fits", plate_files.spzline(FIBERS))
    arrived = [survey / "sdss/v5_7_0", redrock]  # the spectra are not among the inputs
    last = day(arrived, read=4, skipped=1, replaced=3)
    assert {row["z"] for row in last} >= set(NEWER)
    assert any(row["h_alpha_area"] is not None for row in last)
    day([survey], read=0, skipped=6)

    assert classes_of_sample() == [row["class"] for row in last]

    fresh = Warehouse(tmp_path / "fresh")
    ingest(spark, run_of(), [str(survey)], fresh, "dr1")
    assert str(table_of(fresh)) == str(last)
    assert {row["file"] for row in last} == {str(path) for path in (coadd, plate, usable)}
    assert zbest.exists()


def test_spectra_lose_what_a_vanished_catalogue_said(
    spark: SparkSession, tmp_path: Path, run_of: Callable[..., Run]
) -> None:
    survey, warehouse = tmp_path / "survey", Warehouse(tmp_path / "warehouse")
    write(survey, "coadd-a.fits", desi_files.coadd())
    redrock = write(survey, "redrock-a.fits", desi_files.redrock())
    ingest(spark, run_of(), [str(survey)], warehouse, "dr1", is_whole=True)
    redrock.unlink()
    summary = ingest(spark, run_of(), [str(survey)], warehouse, "dr1", is_whole=True)
    assert (summary["read"], summary["replaced"], summary["vanished"]) == (1, 1, 1)
    assert {row["class"] for row in table_of(warehouse)} == {None}
