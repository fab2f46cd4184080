"""The queue of a classified release: who is in it, in which order, and as what file."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest
from pyspark.sql import SparkSession

from galspec_spark.catalog.read import place_in
from galspec_spark.catalog.stage import classify
from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run
from galspec_spark.labels import AGN
from galspec_spark.ml.model.bundle import Bundle, load_bundle
from galspec_spark.preprocess.person_labels import read_labels
from galspec_spark.queue.stage import inspection_queue, read_queue, write_queue
from galspec_spark.warehouse.parts import open_part, part_writer
from galspec_spark.warehouse.sample import sample_place, write_sample
from galspec_spark.warehouse.tables import Warehouse
from tests.releases import draw, leave_out, with_sky, write_release

RunOf = Callable[..., Run]
NUMBER = 40


@pytest.fixture(scope="module")
def bundle(release_model: Path) -> Bundle:
    return load_bundle(release_model)


@pytest.fixture(scope="module")
def classified(
    spark: SparkSession, release_model: Path, run_of: RunOf, tmp_path_factory
) -> Warehouse:
    """A release in two parts, with spectra of the sky and some that are left out. Read it only."""
    root = tmp_path_factory.mktemp("queue")
    write_release(root, "dr1", leave_out(draw(31, 120, with_sky), 20, "zwarning"), draw(32, 80))
    classify(spark, run_of("classify"), Warehouse(root), release_model, None)
    return Warehouse(root)


@pytest.fixture
def changing(classified: Warehouse, tmp_path: Path) -> Warehouse:
    """A copy of the warehouse."""
    return Warehouse(shutil.copytree(classified.root.path, tmp_path / "copy"))


def rows_of(warehouse: Warehouse, table: str) -> pd.DataFrame:
    rows = ds.dataset(warehouse.table(table).path, partitioning="hive").to_table().to_pandas()
    return rows.set_index("spectrum_id")


def queue_of(warehouse: Warehouse, bundle: Bundle, run_of: RunOf, number: int = NUMBER):
    queue = inspection_queue(run_of(), warehouse, bundle, "dr1", number).to_pandas()
    return queue.set_index("spectrum_id")


def write_lines(warehouse: Warehouse, subclass: str, survival: float = 0.9) -> None:
    """Write what the formula says, the same of all spectra."""
    for part in warehouse.parts("catalog"):
        ids = open_part(part).read(["spectrum_id"])["spectrum_id"]
        rows = pa.table(
            {
                "spectrum_id": ids,
                "formula_subclass": pa.repeat(subclass, len(ids)),
                "formula_survival": pa.array(np.full(len(ids), survival, np.float32)),
            }
        )
        with part_writer(warehouse.root / place_in("lines", part), rows.schema) as writer:
            writer.write_table(rows)


def test_the_queue_has_who_may_be_labelled_the_nearest_first(
    classified: Warehouse, bundle: Bundle, run_of: RunOf
) -> None:
    queue = queue_of(classified, bundle, run_of)
    sample, catalog = rows_of(classified, "sample"), rows_of(classified, "catalog")
    assert len(queue) == NUMBER
    assert queue["rank"].tolist() == list(range(1, NUMBER + 1))
    assert queue["object_id"].is_unique
    assert queue["label"].isna().all()
    assert (queue["file"] == sample.loc[queue.index, "file"]).all()
    assert sample.loc[queue.index, "reason"].isna().all()
    assert (sample.loc[queue.index, "split"] == "train").all()  # all have the survey's label
    open_ = catalog[(sample.loc[catalog.index, "split"] == "train").to_numpy()]
    near = queue[queue["why"] == "near the margin"]
    nearest = open_["margin"].abs().sort_values()
    assert near.index[:5].tolist() == nearest.index[:5].tolist()
    outside = queue[queue["why"] == "outside"]
    assert 0 < len(outside) < NUMBER
    assert outside["flags"].str.contains("OUTLIER").any()
    assert (outside["flags"] != "").all()
    assert queue["why"].tolist()[:4] == ["near the margin", "outside"] * 2
    short = queue_of(classified, bundle, run_of, 5)
    assert short.index.tolist() == queue.index[:5].tolist()


def test_the_formula_may_disagree(changing: Warehouse, bundle: Bundle, run_of: RunOf) -> None:
    write_lines(changing, "AGN BROADLINE")
    queue = queue_of(changing, bundle, run_of)
    differs = queue[queue["why"] == "disagrees"]
    assert len(differs) > 5
    assert (differs["margin"] < 0).all()
    assert (queue["formula_subclass"] == "AGN BROADLINE").all()
    # The surest of the model's first: all others are as sure.
    assert differs["margin"].is_monotonic_increasing
    assert set(queue["why"].tolist()[:3]) == set(queue["why"])


def test_lines_of_other_spectra_are_refused(
    changing: Warehouse, bundle: Bundle, run_of: RunOf
) -> None:
    write_lines(changing, "")
    first, second = (place_in("lines", part) for part in changing.parts("catalog"))
    shutil.copy((changing.root / first).path, (changing.root / second).path)
    with pytest.raises(UserError, match=r"other spectra than .*: run galspec measure"):
        queue_of(changing, bundle, run_of)


def test_whom_a_person_labelled_is_not_asked_for_again(
    changing: Warehouse, bundle: Bundle, run_of: RunOf
) -> None:
    before = queue_of(changing, bundle, run_of, 3)
    place = sample_place(changing)
    rows = open_part(place).read()
    by_person = pc.is_in(rows["spectrum_id"], pa.array(before.index[:2].tolist()))
    number = rows.column_names.index("label_source")
    source = pc.if_else(by_person, "person", rows["label_source"])
    write_sample(place, rows.set_column(number, rows.schema.field(number), source))
    after = queue_of(changing, bundle, run_of, 3)
    assert after.index[0] == before.index[2]
    assert not set(after.index) & set(before.index[:2])


def test_the_file_is_filled_in_and_read_as_labels(
    classified: Warehouse, bundle: Bundle, run_of: RunOf, tmp_path: Path
) -> None:
    run = run_of("classify")
    summary = write_queue(run, classified, bundle, "dr1", 6, tmp_path)
    assert sum(summary["reasons"].values()) == 6
    table = read_queue(tmp_path)
    assert set(table["run_id"].to_pylist()) == {run.id}
    with Path(summary["queue"]).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["spectrum_id"] for row in rows] == table["spectrum_id"].to_pylist()
    assert float(rows[0]["probability"]) == pytest.approx(table["probability"][0].as_py(), abs=1e-6)
    rows[1]["label"] = AGN
    with (tmp_path / "filled.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    labels = read_labels(str(tmp_path / "filled.csv"))
    assert labels.names.to_pylist() == [rows[1]["spectrum_id"]]
