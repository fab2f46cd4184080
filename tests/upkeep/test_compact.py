"""Compaction: fewer parts, the same rows, nothing outdated; readers see the old or the new."""

from __future__ import annotations

import os
from collections.abc import Callable

import pyarrow.compute as pc
import pytest
from pyspark.sql import SparkSession

from galspec_spark.catalog.contents import catalog_parts
from galspec_spark.catalog.read import read_catalog
from galspec_spark.errors import UserError
from galspec_spark.ml.model.bundle import model_id
from galspec_spark.preprocess.stage import preprocess
from galspec_spark.upkeep.compact import compact
from galspec_spark.verify.verify import verify
from galspec_spark.warehouse.frames import read_table
from galspec_spark.warehouse.parts import REPLACED, open_part, part_writer
from galspec_spark.warehouse.sample import read_slice, slices
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import MADE_BY, Warehouse
from tests.upkeep.conftest import PIECES, Rows, Survey

RowsOf = Callable[[Warehouse], Rows]
#: Numbers of files that are renamed before a compaction is killed: of 42, the journal the first.
MOMENTS = range(0, 2 * int(os.environ.get("GALSPEC_KILLS", "0")), 2) or (0, 5, 33)


def count(warehouse: Warehouse) -> dict[str, int]:
    return {table: len(warehouse.parts(table)) for table in MADE_BY}


def test_nothing_is_outdated_by_it(
    spark: SparkSession, survey: Survey, copy: Warehouse, rows_of: RowsOf
) -> None:
    before, parts = rows_of(copy), count(copy)
    summary = compact(spark, survey.run(), copy)
    after = {"spectra": 2, "restframe": 2, "lines": 2, "catalog": 2, "files": 2, "sample": 1}
    assert count(copy) == after
    assert summary["parts_before"] == sum(parts.values()) > 2 * summary["parts"]
    assert summary["spectra"] == len(before["spectra"])
    assert rows_of(copy) == before
    assert [survey.ingest(spark, copy, piece)["read"] for piece in PIECES] == [0, 0, 0]
    names = {part.name for table in MADE_BY for part in copy.parts(table)}
    assert survey.derive(spark, copy) == [0, 0, 0]
    assert {part.name for table in MADE_BY for part in copy.parts(table)} == names
    assert verify(spark, survey.run(), copy, sample=None)["findings"] == []
    assert not compact(spark, survey.run(), copy)["changed"]


def test_what_is_missing_or_outdated_stays_so(
    spark: SparkSession, survey: Survey, copy: Warehouse
) -> None:
    """Of the first release some parts have no predictions; those of the second are outdated."""
    first, second = (catalog_parts(copy, model_id(survey.model), name) for name in ("dr1", "dr2"))
    to_classify = sum(open_part(part).metadata.num_rows for part in [first[0], *second])
    first[0].delete()
    for part in second:
        name, _, kind = part.name.rpartition(".")
        part.move(part.parent / f"{name.rpartition('.')[0]}.{'0' * 12}.{kind}")
    compact(spark, survey.run(), copy)
    assert len(catalog_parts(copy, model_id(survey.model), "dr2")) == 1
    assert survey.derive(spark, copy) == [0, 0, to_classify]


def test_a_reader_that_began_before_finishes(
    spark: SparkSession, survey: Survey, copy: Warehouse
) -> None:
    lines = read_table(spark, copy, "lines").select("spectrum_id", "file")
    catalog = read_catalog(spark, copy, model_id(survey.model)).select("spectrum_id", "plate")
    begun = slices(copy)
    expected = [sorted(frame.collect()) for frame in (lines, catalog)]
    compact(spark, survey.run(), copy)
    assert not any(part.part.exists() for part in begun if "dr1" in part.part.path)
    assert [sorted(frame.collect()) for frame in (lines, catalog)] == expected
    assert sum(len(each.rows) for slice_ in begun for each in read_slice(slice_, ["z"])) == 17
    copy.forget_replaced()
    with pytest.raises(UserError, match="run the same command again"):
        open_part(begun[0].part)


@pytest.mark.parametrize("interrupted_after", MOMENTS)
def test_an_interrupted_one_leaves_the_old_or_the_new(
    spark: SparkSession,
    survey: Survey,
    copy: Warehouse,
    rows_of: RowsOf,
    monkeypatch: pytest.MonkeyPatch,
    interrupted_after: int,
) -> None:
    before = rows_of(copy)
    steps = 0
    move = Location.move

    def interrupt(place: Location, target: Location) -> None:
        nonlocal steps
        steps += 1
        if steps > interrupted_after:
            raise KeyboardInterrupt
        move(place, target)

    with monkeypatch.context() as patch:
        patch.setattr(Location, "move", interrupt)
        patch.setattr(Location, "delete_folder", lambda place: None)  # as after SIGKILL
        with pytest.raises(KeyboardInterrupt):
            compact(spark, survey.run(), copy)
    found = Warehouse(copy.root)
    assert rows_of(found) == before
    assert (len(found.parts("spectra")) == 2) == (interrupted_after > 0)
    assert survey.derive(spark, found) == [0, 0, 0]


def test_catalogues_of_older_models_go_where_the_configuration_says_so(
    spark: SparkSession, survey: Survey, copy: Warehouse
) -> None:
    for part in copy.parts("catalog"):
        rows = open_part(part).read()
        column = rows.schema.get_field_index("run_id")
        older = pc.replace_substring_regex(rows["run_id"], "^20..", "1999")
        place = part.path.replace(f"model={model_id(survey.model)}", "model=older")
        with part_writer(Location(place), rows.schema) as writer:
            writer.write_table(rows.set_column(column, rows.schema.field(column), older))
    assert compact(spark, survey.run(), copy)["catalogues_removed"] == 0
    assert len(copy.parts("catalog")) == 4
    config = survey.config.model_copy(
        update={"compact": survey.config.compact.model_copy(update={"keep_models": 1})}
    )
    summary = compact(spark, Survey(survey.folder, survey.model, config).run(), copy)
    assert (summary["catalogues_removed"], summary["changed"]) == (2, True)
    assert survey.derive(spark, copy) == [0, 0, 0]
    assert copy.parts("catalog") == catalog_parts(copy, model_id(survey.model))


def test_a_warehouse_without_later_tables_is_compacted_too(
    spark: SparkSession, survey: Survey, copy: Warehouse
) -> None:
    for table in ("restframe", "lines", "sample", "catalog"):
        copy.table(table).delete_folder()
    assert compact(spark, survey.run(), copy)["parts"] == 4
    assert (copy.root / REPLACED / "spectra").is_folder()
    assert preprocess(spark, survey.run(), copy)["spectra"] == 17
    assert all("merged" in part.name for part in copy.parts("spectra"))
