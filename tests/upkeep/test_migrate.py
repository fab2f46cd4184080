"""What happens to a warehouse of version 0.1: its spectra and files are taken over."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from galspec_spark.errors import UserError
from galspec_spark.upkeep.migrate import migrate
from galspec_spark.verify.verify import verify
from galspec_spark.warehouse.parts import open_part, part_writer
from galspec_spark.warehouse.storage import Location, write_json
from galspec_spark.warehouse.tables import FORMAT_FILE, MADE_BY, Warehouse
from tests.upkeep.conftest import Survey, rows_of_table

OF_NO_RELEASE = "/data/catalogue.fits"


@pytest.fixture
def old(copy: Warehouse) -> Path:
    """The warehouse as 0.1 would have written it: ``files`` without a release, ``objects``."""
    for table in ("sample", "lines", "catalog"):
        copy.table(table).delete_folder()
    for part in copy.parts("spectra"):
        rows = open_part(part).read().drop_columns("simulated")
        with part_writer(part, rows.schema) as writer:
            writer.write_table(rows)
    for number, part in enumerate(copy.parts("files")):
        rows = open_part(part).read().drop_columns("release")
        if number == 0:  # the account of a run that read no spectrum
            row = {**rows.to_pylist()[0], "path": OF_NO_RELEASE, "run_id": "other", "rows": 0}
            rows = pa.concat_tables([rows, pa.Table.from_pylist([row], rows.schema)])
        with part_writer(part, rows.schema) as writer:
            writer.write_table(rows)
    objects = pa.table({"spectrum_id": ["a"], "object_id": ["a"]})
    with part_writer(copy.table("objects") / "objects.parquet", objects.schema) as writer:
        writer.write_table(objects)
    write_json(copy.table("restframe") / "_state.json", {})
    (copy.root / FORMAT_FILE).delete()
    return Path(copy.root.path)


def test_spectra_and_files_are_taken_over(spark: SparkSession, survey: Survey, old: Path) -> None:
    with pytest.raises(UserError, match=r"format 1, this version reads 2: galspec migrate --ware"):
        Warehouse(old).parts("spectra")
    accounts = {Path(part.path).name for part in Location.of(old / "files").files()}
    summary = migrate(spark, survey.run(), str(old))
    assert (summary["format_before"], summary["format"]) == (1, 2)
    assert (summary["spectra"], summary["files"], summary["files_to_read"]) == (17, 18, 1)
    warehouse = Warehouse(old)
    assert {row["simulated"] for row in rows_of_table(warehouse, "spectra")} == {False}
    assert accounts.isdisjoint(part.name for part in warehouse.parts("files"))
    for account in rows_of_table(warehouse, "files"):
        assert account["release"] == ("dr2" if "/c/" in account["path"] else "dr1")
        assert account["path"] != OF_NO_RELEASE
    assert not [*warehouse.table("objects").files(), *warehouse.table("restframe").files()]
    assert verify(spark, survey.run(), warehouse, sample=None)["findings"] == []
    assert survey.ingest(spark, warehouse, "c")["read"] == 0
    assert survey.derive(spark, warehouse)[2] == 17
    assert migrate(spark, survey.run(), str(old)) == {"format": 2, "format_before": 2}


@pytest.mark.parametrize("interrupted_after", [0, 1, 2])
def test_an_interrupted_migration_is_completed_by_the_next(
    spark: SparkSession,
    survey: Survey,
    old: Path,
    monkeypatch: pytest.MonkeyPatch,
    interrupted_after: int,
) -> None:
    steps = 0
    move = Location.move

    def interrupt(place: Location, target: Location) -> None:
        nonlocal steps
        steps += 1
        if steps > interrupted_after + 1:  # the staged format is the first
            raise KeyboardInterrupt
        move(place, target)

    with monkeypatch.context() as patch:
        patch.setattr(Location, "move", interrupt)
        patch.setattr(Location, "delete_folder", lambda place: None)  # as after SIGKILL
        with pytest.raises(KeyboardInterrupt):
            migrate(spark, survey.run(), str(old))
    with pytest.raises(UserError, match="galspec migrate"):
        Warehouse(old).parts("spectra")
    migrate(spark, survey.run(), str(old))
    assert len(rows_of_table(Warehouse(old), "files")) == 18
    assert not any(
        Warehouse(old).parts(table) for table in MADE_BY if table not in ("spectra", "files")
    )


def test_spectra_of_other_columns_have_to_be_ingested_again(
    spark: SparkSession, survey: Survey, old: Path
) -> None:
    part = Warehouse(old, formats=[1]).parts("spectra")[0]
    rows = open_part(part).read().drop_columns("quality")
    with part_writer(part, rows.schema) as writer:
        writer.write_table(rows)
    with pytest.raises(UserError, match=r"no column quality of type int32: nothing was changed"):
        migrate(spark, survey.run(), str(old))
    assert not (old / FORMAT_FILE).exists()


def test_a_newer_version_and_no_warehouse_are_named(
    spark: SparkSession, survey: Survey, tmp_path: Path
) -> None:
    write_json(tmp_path / FORMAT_FILE, {"format": 3})
    for use in (Warehouse(tmp_path).parts, lambda _: migrate(spark, survey.run(), str(tmp_path))):
        with pytest.raises(UserError, match=r"format 3, this version reads 2: a newer version of"):
            use("spectra")
    with pytest.raises(UserError, match=r"no warehouse in .*: galspec ingest makes one"):
        migrate(spark, survey.run(), str(tmp_path / "elsewhere"))
