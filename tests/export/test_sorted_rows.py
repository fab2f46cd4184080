from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from galspec_spark.export.columns import CATALOGUE
from tests.export.catalogue import COMPONENTS
from tests.export.conftest import Exported, in_many_parts


def test_parts_follow_each_other_in_the_order_of_the_rows(
    spark: SparkSession, exported: Exported, tmp_path: Path
) -> None:
    rows = in_many_parts(spark, exported, tmp_path)
    assert len(rows.parts) > 2
    found = pa.Table.from_batches(rows.batches()).to_pylist()
    assert found == [{name: row[name] for name in CATALOGUE.described} for row in exported.rows]


def test_widths_are_those_of_the_widest_rows(
    spark: SparkSession, exported: Exported, tmp_path: Path
) -> None:
    rows = in_many_parts(spark, exported, tmp_path)
    widest = {name: max(len(row[name] or "") for row in exported.rows) for name in CATALOGUE.text}
    assert (rows.text_bytes, rows.n_features) == (widest, COMPONENTS)


def test_parts_of_a_range_are_those_that_have_its_rows(
    spark: SparkSession, exported: Exported, tmp_path: Path
) -> None:
    rows = in_many_parts(spark, exported, tmp_path)
    for number, part in enumerate(rows.parts[1:], 1):
        first = pq.read_table(part.path)["healpix29"][0].as_py()
        assert rows.parts_between(first, first + 1)[-1] == part
        assert rows.parts_between(first - 1, first) == [rows.parts[number - 1]]
    assert rows.parts_between(0, 12 << 58) == rows.parts
