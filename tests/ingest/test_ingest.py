"""Ingest: every file accounted for, once, whatever happens."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import hpgeom
import numpy as np
import pyarrow.compute as pc
import pytest
from pyspark.sql import SparkSession

from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run
from galspec_spark.ingest.listing import list_files, tasks_of
from galspec_spark.ingest.spectra_parts import SpectraParts
from galspec_spark.ingest.stage import ingest
from galspec_spark.readers import read_spectra
from galspec_spark.readers.batch import NO_INFORMATION, NOT_FINITE
from galspec_spark.readers.opening import open_source
from galspec_spark.warehouse.frames import read_table
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse
from galspec_spark.warehouse.votable import CONTENT_KEY
from tests import spec_files

RunOf = Callable[..., Run]


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five spectra and five files that cannot be read."""
    folder = tmp_path_factory.mktemp("survey")
    for seed in range(5):
        whole = spec_files.write(folder / f"{seed:04d}", seed)
    shutil.copy(whole, folder / "renamed.fits")
    (folder / "half.fits").write_bytes(whole.read_bytes()[:20000])
    (folder / "empty.fits").touch()
    (folder / "text.fits").write_text("not FITS")
    (folder / "index.csv").write_text("path,plate")
    return folder


def test_every_file_is_accounted_for(
    spark: SparkSession, survey: Path, tmp_path: Path, run_of: RunOf
) -> None:
    warehouse = Warehouse(tmp_path)
    summary = ingest(spark, run_of(), [str(survey)], warehouse, "dr14")
    assert summary["files"] == 9
    assert summary["read"] == 6
    assert summary["quarantined"] == 3
    assert summary["spectra"] == 6
    assert summary["warehouse"]["files"] == 9
    assert summary["warehouse"]["quarantined"] == 3
    assert summary["reasons"] == {"truncated": 1, "empty": 1, "not_fits": 1}

    spectra = read_table(spark, warehouse, "spectra")
    assert {row.survey for row in spectra.select("survey").collect()} == {"sdss"}
    files = read_table(spark, warehouse, "files").toPandas().set_index("path")
    assert files.loc[str(survey / "half.fits"), "reason"] == "truncated"
    assert "missing" in files.loc[str(survey / "half.fits"), "message"]
    assert files["rows"].sum() == spectra.count()
    row = spectra.where("spectrum_id = 'sdss-dr14-0266-51630-0003'").first()
    assert row is not None
    np.testing.assert_array_equal(np.array(row.flux, "f4"), spec_files.arrays(2)["flux"])
    assert row.run_id
    assert row.config_hash
    assert not (tmp_path / "_staging").exists()


def test_a_second_run_reads_nothing_and_a_grown_folder_only_what_is_new(
    spark: SparkSession, tmp_path: Path, run_of: RunOf
) -> None:
    survey, warehouse = tmp_path / "survey", Warehouse(tmp_path / "warehouse")
    spec_files.write(survey, 0)
    ingest(spark, run_of(), [str(survey)], warehouse, "dr14")
    before = warehouse.parts("spectra")
    again = ingest(spark, run_of(), [str(survey)], warehouse, "dr14")
    assert (again["read"], again["skipped"]) == (0, 1)
    assert warehouse.parts("spectra") == before
    spec_files.write(survey, 1)
    grown = ingest(spark, run_of(), [str(survey)], warehouse, "dr14")
    assert (grown["read"], grown["skipped"]) == (1, 1)
    assert grown["warehouse"]["files"] == grown["warehouse"]["spectra"] == 2
    assert read_table(spark, warehouse, "spectra").count() == 2


def test_a_changed_file_replaces_its_rows(
    spark: SparkSession, tmp_path: Path, run_of: RunOf
) -> None:
    survey, warehouse = tmp_path / "survey", Warehouse(tmp_path / "warehouse")
    for seed in range(4):
        spec_files.write(survey, seed)
    ingest(spark, run_of(), [str(survey)], warehouse, "dr14")
    untouched = {row.file: row.run_id for row in read_table(spark, warehouse, "spectra").collect()}
    spec_files.write(survey, 2, SUBCLASS="AGN")
    spec_files.write(survey, 4)
    summary = ingest(spark, run_of(), [str(survey)], warehouse, "dr14")
    assert (summary["read"], summary["replaced"], summary["skipped"]) == (2, 1, 3)
    rows = {
        row.file.rpartition("/")[2]: row
        for row in read_table(spark, warehouse, "spectra").collect()
    }
    assert sorted(rows) == [f"spec-{seed:04d}.fits" for seed in range(5)]
    assert rows["spec-0002.fits"].subclass == "AGN"
    assert rows["spec-0001.fits"].run_id == untouched[str(survey / "spec-0001.fits")]
    assert read_table(spark, warehouse, "files").count() == 5

    (survey / "spec-0002.fits").write_bytes(b"no longer FITS")
    summary = ingest(spark, run_of(), [str(survey)], warehouse, "dr14")
    assert (summary["quarantined"], summary["replaced"]) == (1, 1)
    assert read_table(spark, warehouse, "spectra").count() == 4
    assert read_table(spark, warehouse, "files").count() == 5
    for part in (*warehouse.parts("spectra"), *warehouse.parts("files")):
        assert CONTENT_KEY.encode() in open_part(part).metadata.metadata


def test_what_could_not_be_read_is_tried_again(
    spark: SparkSession, tmp_path: Path, run_of: RunOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    survey, warehouse = tmp_path / "survey", Warehouse(tmp_path / "warehouse")
    whole = spec_files.write(tmp_path / "elsewhere", 0)
    spec_files.write(survey, 1)
    (survey / "text.fits").write_text("not FITS")
    (survey / "link.fits").symlink_to(tmp_path / "nowhere.fits")
    ingest(spark, run_of(), [str(survey)], warehouse, "dr14")
    again = ingest(spark, run_of(), [str(survey)], warehouse, "dr14")
    assert (again["skipped"], again["quarantined"], again["replaced"]) == (2, 1, 1)
    whole.rename(tmp_path / "nowhere.fits")
    assert ingest(spark, run_of(), [str(survey)], warehouse, "dr14")["read"] == 1
    monkeypatch.setattr("galspec_spark.ingest.listing.__version__", "a later one")
    newer = ingest(spark, run_of(), [str(survey)], warehouse, "dr14")
    assert (newer["skipped"], newer["quarantined"]) == (2, 1)
    assert read_table(spark, warehouse, "files").count() == 3


def test_parts_are_in_the_order_of_the_sky(
    spark: SparkSession, tmp_path: Path, run_of: RunOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    survey, warehouse = tmp_path / "survey", Warehouse(tmp_path / "warehouse")
    for seed in range(6):
        spec_files.write(survey, seed, PLUG_RA=(97.0 * seed) % 360, PLUG_DEC=20.0 * seed - 50)
    spec_files.write(survey, 6, PLUG_RA=float("nan"))
    ingest(spark, run_of(), [str(survey)], warehouse, "dr14")
    for part in warehouse.parts("spectra"):
        table = open_part(part).read(["ra", "dec", "healpix29"])
        order = table["healpix29"].to_pylist()
        known = [pixel for pixel in order if pixel is not None]
        assert known == sorted(known)
        assert order == [*known, *[None] * (len(order) - len(known))]
        ra, dec = (table[name].drop_null().to_numpy() for name in ("ra", "dec"))
        expected = hpgeom.angle_to_pixel(2**29, ra, dec[: len(ra)], nest=True, lonlat=True)
        assert known == expected.tolist()


def test_a_task_writes_another_part_when_it_holds_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "galspec_spark.ingest.spectra_parts.HELD_BYTES", 3 * 2 * 4 * spec_files.PIXELS
    )
    parts = SpectraParts(Location.of(tmp_path), "run-00000", "dr14", {"run_id": "run"})
    for seed in range(7):
        path = spec_files.write(tmp_path / "survey", seed)
        parts.add(read_spectra(open_source(str(path), path.stat().st_size))[1], str(path))
    parts.close()
    sizes = [open_part(Location.of(tmp_path) / place).metadata.num_rows for place in parts.places]
    assert sizes == [3, 3, 1]


def test_useless_spectra_are_flagged_not_dropped(
    spark: SparkSession, tmp_path: Path, run_of: RunOf
) -> None:
    survey, warehouse = tmp_path / "survey", Warehouse(tmp_path / "warehouse")
    for seed, (column, value) in enumerate((("flux", np.nan), ("ivar", 0))):
        coadd = spec_files.arrays(seed)
        coadd[column][:] = value
        spec_files.write(survey, seed, coadd=coadd)
    coadd = spec_files.arrays(2)
    coadd["ivar"][50], coadd["flux"][50] = 1, np.inf
    spec_files.write(survey, 2, coadd=coadd)
    assert ingest(spark, run_of(), [str(survey)], warehouse, "dr14")["read"] == 3
    rows = read_table(spark, warehouse, "spectra").orderBy("fiber").select("quality").collect()
    assert [row.quality for row in rows] == [
        NO_INFORMATION | NOT_FINITE,
        NO_INFORMATION,
        NOT_FINITE,
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "no FITS files"),
    ],
)
def test_wrong_input_is_one_clear_line(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    make(tmp_path / "survey")
    with pytest.raises(UserError, match=message):
        list_files([str(tmp_path / "survey")])


def test_tasks_have_about_equal_bytes(tmp_path: Path) -> None:
    for i in range(200):
        (tmp_path / f"{i:03d}.fits").write_bytes(b"x" * (100 + 37 * (i % 11)))
    listing = list_files([str(tmp_path)]).files
    tasks = tasks_of(listing, task_bytes=1e6, cores=8)
    assert len(tasks) == 8
    assert sum(task.num_rows for task in tasks) == 200
    sizes = [pc.sum(task["size"]).as_py() for task in tasks]
    assert max(sizes) < 1.1 * min(sizes)


def test_the_second_writer_is_refused(
    spark: SparkSession, survey: Path, tmp_path: Path, run_of: RunOf
) -> None:
    warehouse = Warehouse(tmp_path)
    with warehouse.writing("test"), pytest.raises(UserError, match="another job is writing"):
        ingest(spark, run_of(), [str(survey)], warehouse, "dr14")


def test_real_spectra_are_all_read(
    spark: SparkSession, real_spectra: Path, real_warehouse: Path
) -> None:
    warehouse = Warehouse(real_warehouse)
    on_disk = len(list(real_spectra.rglob("*.fits")))
    files = read_table(spark, warehouse, "files")
    assert files.where("status = 'read'").count() == on_disk
    assert read_table(spark, warehouse, "spectra").count() == on_disk
