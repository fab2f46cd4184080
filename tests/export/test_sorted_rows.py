from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession

from galspec_spark.export.sorted_rows import TEXT
from tests.export.catalogue import COMPONENTS
from tests.export.conftest import Exported, in_many_parts


def test_parts_follow_each_other_in_the_order_of_the_rows(
    spark: SparkSession, exported: Exported, tmp_path: Path
) -> None:
    rows = in_many_parts(spark, exported.catalog, tmp_path)
    assert len(rows.parts) > 2
    assert pa.Table.from_batches(rows.batches()).to_pylist() == exported.rows


def test_widths_are_those_of_the_widest_rows(
    spark: SparkSession, exported: Exported, tmp_path: Path
) -> None:
    rows = in_many_parts(spark, exported.catalog, tmp_path)
    widest = {name: max(len(row[name] or "") for row in exported.rows) for name in TEXT}
    assert (rows.text_bytes, rows.coefficients) == (widest, COMPONENTS)
