"""A removed release: nothing of it is left, what it taught is, and it can come again."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from galspec_spark.errors import UserError
from galspec_spark.upkeep.compact import compact
from galspec_spark.upkeep.remove import remove
from galspec_spark.verify.verify import verify
from galspec_spark.warehouse.parts import REPLACED, open_part, part_writer
from galspec_spark.warehouse.sample import read_sample
from galspec_spark.warehouse.tables import MADE_BY, Warehouse
from tests.upkeep.conftest import Rows, Survey, rows_of_table

RowsOf = Callable[[Warehouse], Rows]
KEPT = ["spectrum_id", "release", "object_id", "first_seen", "label", "label_source", "split",
        "fold"]  # fmt: skip


def decisions(warehouse: Warehouse, release: str) -> list[dict]:
    rows = read_sample(warehouse, KEPT).sort_by("spectrum_id").to_pylist()
    return [row for row in rows if row["release"] == release]


def predictions(warehouse: Warehouse) -> dict[str, tuple]:
    rows = rows_of_table(warehouse, "catalog")
    return {row["spectrum_id"]: (row["flags"], row["probability"]) for row in rows}


def share_a_part_of_files(warehouse: Warehouse) -> None:
    first, *others = warehouse.parts("files")
    rows = pa.concat_tables(open_part(part).read() for part in (first, *others))
    with part_writer(first, rows.schema) as writer:
        writer.write_table(rows)
    for part in others:
        part.delete()


def test_the_rest_stays_what_it_is_and_the_release_can_come_again(
    spark: SparkSession, survey: Survey, copy: Warehouse, rows_of: RowsOf
) -> None:
    before, staying = rows_of(copy), decisions(copy, "dr2")
    scored = predictions(copy)
    assert [row["object_id"][:9] for row in staying[:4]] == ["sdss-dr1-"] * 4  # seen there first
    assert "person" in {row["label_source"] for row in staying}
    compact(spark, survey.run(), copy)  # whose replaced parts have to go, too
    share_a_part_of_files(copy)
    summary = remove(survey.run(), copy, "dr1")
    assert {name: summary[f"{name}_rows"] for name in MADE_BY} == {
        "spectra": 11, "files": 12, "restframe": 11, "sample": 11, "lines": 11, "catalog": 11,
    }  # fmt: skip
    for table in MADE_BY:
        assert not [row for row in rows_of(copy)[table] if "dr1/" in row or '"dr1"' in row]
    assert not (copy.root / REPLACED).exists()
    assert decisions(copy, "dr2") == staying
    assert verify(spark, survey.run(), copy, sample=None)["findings"] == []
    assert survey.derive(spark, copy) == [0, 0, 0]
    assert predictions(copy) == {name: scored[name] for name in predictions(copy)}

    for piece in ("a", "b"):
        survey.ingest(spark, copy, piece)
    survey.derive(spark, copy)
    assert rows_of(copy) == before


def test_the_last_release_leaves_nothing(
    spark: SparkSession, survey: Survey, copy: Warehouse
) -> None:
    for release in ("dr1", "dr2"):
        remove(survey.run(), copy, release)
    assert not any(copy.parts(table) for table in MADE_BY)
    survey.ingest(spark, copy, "c")
    assert survey.derive(spark, copy)[0] == len(copy.parts("spectra"))


def test_an_unknown_release_is_named_with_those_that_exist(
    survey: Survey, filled: Warehouse
) -> None:
    with pytest.raises(UserError, match=r"no release 'dr7' in .*: it has dr1, dr2$"):
        remove(survey.run(), filled, "dr7")
