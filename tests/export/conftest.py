"""One export of the small catalogue in all formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pyspark.sql import DataFrame, SparkSession

from galspec_spark.export.columns import CATALOGUE
from galspec_spark.export.export import NAMES, export
from galspec_spark.export.sorted_rows import SortedRows, sort_rows
from galspec_spark.warehouse.storage import Location
from tests.export.catalogue import (
    PROVENANCE,
    exported_rows,
    open_catalogue,
    write_catalogue,
    write_lines,
    write_restframe,
    write_spectra,
)


class Exported(NamedTuple):
    catalog: DataFrame
    without_lines: DataFrame  #: of a warehouse without the table lines
    rows: list[dict[str, Any]]  #: as they should be, in order
    folder: Path
    summary: dict[str, Any]


def in_many_parts(spark: SparkSession, exported: Exported, folder: Path) -> SortedRows:
    """Sort the rows, without lines, as Spark would so many that they need several parts."""
    settings = {
        "spark.sql.shuffle.partitions": "5",
        "spark.sql.adaptive.coalescePartitions.enabled": "false",
    }
    before = {name: spark.conf.get(name) for name in settings}
    try:
        for name, value in settings.items():
            spark.conf.set(name, value)
        return sort_rows(exported.without_lines, CATALOGUE, Location.of(folder))
    finally:
        for name, value in before.items():
            spark.conf.set(name, value)


@pytest.fixture(scope="session")
def exported(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("export")
    write_catalogue(folder / "warehouse")
    write_spectra(folder / "warehouse")
    write_restframe(folder / "warehouse")
    without_lines = open_catalogue(spark, folder / "warehouse")
    write_lines(folder / "warehouse")
    catalog = open_catalogue(spark, folder / "warehouse")
    summary = export(
        spark, catalog, list(NAMES), None, folder / "out", PROVENANCE, with_training=True
    )
    return Exported(catalog, without_lines, exported_rows(), folder / "out", summary)
