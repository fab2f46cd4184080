"""A warehouse of two releases, the first of which came in two pieces."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from galspec_spark.catalog.stage import classify
from galspec_spark.config import Config
from galspec_spark.harness.run import Run
from galspec_spark.ingest.stage import ingest
from galspec_spark.measure.stage import measure_lines
from galspec_spark.preprocess.stage import preprocess
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.tables import MADE_BY, Warehouse
from tests import spec_files
from tests.lines.galaxies import write_templates

#: Columns and values that tell runs and parts apart.
OF_RUN = ("run_id", "config_hash", "first_seen", "part")
#: Folder and release of each ingest. Objects 0 to 3 of the first are seen again in the second.
PIECES = {"a": "dr1", "b": "dr1", "c": "dr2"}


@dataclass(frozen=True)
class Survey:
    """Files, and how they go into a warehouse."""

    folder: Path
    model: Path
    config: Config

    def run(self) -> Run:
        return Run.start("test", self.config)

    def without_labels(self) -> Survey:
        settings = self.config.preprocess.model_copy(update={"labels": None})
        return replace(self, config=self.config.model_copy(update={"preprocess": settings}))

    def ingest(self, spark: SparkSession, warehouse: Warehouse, piece: str) -> dict:
        return ingest(spark, self.run(), [str(self.folder / piece)], warehouse, PIECES[piece])

    def derive(self, spark: SparkSession, warehouse: Warehouse) -> list[int]:
        """Run the later stages; return how many parts, or spectra, each made."""
        moved = preprocess(spark, self.run(), warehouse)
        measured = measure_lines(spark, self.run(), warehouse)
        classified = classify(spark, self.run(), warehouse, self.model, None)
        return [moved.get("parts_moved", 0), measured["parts_measured"], classified["classified"]]


@pytest.fixture(scope="session")
def survey(release_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Survey:
    folder = tmp_path_factory.mktemp("survey")
    for piece, seeds in {"a": range(6), "b": range(6, 10), "c": range(20, 26)}.items():
        for seed in seeds:
            again = {"PLUG_RA": 150 + (seed - 20) / 10, "BESTOBJID": str(980 + seed)}
            spec_files.write(
                folder / piece,
                seed,
                SUBCLASS=("AGN", "STARFORMING")[seed % 2],
                **(again if 20 <= seed < 24 else {}),
            )
    spec_files.write(folder / "b", 50, PLUG_RA=-1.0)  # without a place on the sky
    (folder / "b" / "half.fits").write_bytes((folder / "b" / "spec-0006.fits").read_bytes()[:9000])
    labels = folder / "labels.csv"
    labels.write_text("spectrum_id,label\nsdss-dr2-0266-51630-0022,AGN\n")
    sections = {
        "preprocess": {"coverage_min": 0.5, "folds": 2, "labels": str(labels)},
        "lines": {"templates": write_templates(folder / "stars.fits")},
    }
    return Survey(folder, release_model, Config.model_validate(sections))


@pytest.fixture(scope="session")
def filled(
    spark: SparkSession, survey: Survey, tmp_path_factory: pytest.TempPathFactory
) -> Warehouse:
    """Ingested in three pieces, the later stages after each release. Read it only."""
    warehouse = Warehouse(tmp_path_factory.mktemp("filled"))
    survey.ingest(spark, warehouse, "a")
    survey.ingest(spark, warehouse, "b")
    survey.without_labels().derive(spark, warehouse)
    survey.ingest(spark, warehouse, "c")
    survey.derive(spark, warehouse)
    return warehouse


@pytest.fixture
def copy(filled: Warehouse, tmp_path: Path) -> Warehouse:
    """A warehouse to be changed."""
    return Warehouse(shutil.copytree(filled.root.path, tmp_path / "warehouse"))


Rows = dict[str, list[str]]


@pytest.fixture(scope="session")
def rows_of() -> Callable[[Warehouse], Rows]:
    """Return the sorted rows of all tables, without what tells runs and parts apart."""

    def rows(warehouse: Warehouse) -> Rows:
        return {table: sorted(map(text, rows_of_table(warehouse, table))) for table in MADE_BY}

    def text(row: dict) -> str:
        return json.dumps({key: row[key] for key in row if key not in OF_RUN})

    return rows


def rows_of_table(warehouse: Warehouse, table: str) -> list[dict]:
    parts = warehouse.parts(table)
    return pa.concat_tables(open_part(part).read() for part in parts).to_pylist() if parts else []
