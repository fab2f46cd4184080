"""``spark.readStream.format("galspec")``: each file once."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from threading import Timer
from unittest.mock import patch

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.datasource import DataSourceStreamReader
from pyspark.sql.types import StructType

from galspec_spark.datasource import stream
from galspec_spark.datasource.options import OF_READ_STREAM, Options
from galspec_spark.datasource.source import FilesOfTask, GalspecDataSource
from galspec_spark.errors import UserError
from tests import spec_files

SCHEMA = StructType().add("spectrum_id", "string").add("file", "string")
needs_limits = pytest.mark.skipif(
    not hasattr(DataSourceStreamReader, "getDefaultReadLimit"), reason="needs Spark 4.2"
)


@pytest.fixture(autouse=True)
def variable_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what an error leaves in this process, which is no worker that ends with it."""
    monkeypatch.setenv("SPARK_HIDE_TRACEBACK", "")


def run(spark: SparkSession, folder: Path, **options: object) -> list[int]:
    """Take what there is into Parquet files; return the rows of each batch."""
    query = (
        spark.readStream.format("galspec")
        .schema(SCHEMA)
        .options(log=str(folder / "checkpoint/files"), **options)
        .load(str(folder / "survey"))
        .writeStream.option("checkpointLocation", str(folder / "checkpoint"))
        .trigger(availableNow=True)
        .start(str(folder / "taken"))
    )
    query.awaitTermination()
    return [progress.numInputRows for progress in query.recentProgress if progress.numInputRows]


def taken(spark: SparkSession, folder: Path) -> Counter[str]:
    rows = spark.read.parquet(str(folder / "taken")).collect()
    return Counter(Path(row.file).name for row in rows)


def test_a_growing_folder_is_read_once(spark: SparkSession, tmp_path: Path) -> None:
    for first in (0, 2):  # a query, and one that goes on where it ended
        for seed in (first, first + 1):
            spec_files.write(tmp_path / "survey", seed)
        assert run(spark, tmp_path, release="dr14") == [
            2
        ]  # a query that goes on where the last ended
    assert run(spark, tmp_path) == []
    assert taken(spark, tmp_path) == {f"spec-{seed:04d}.fits": 1 for seed in range(4)}


@needs_limits
def test_a_batch_whose_commit_was_lost_is_taken_with_the_same_files(
    spark: SparkSession, tmp_path: Path
) -> None:
    for seed in range(3):
        spec_files.write(tmp_path / "survey", seed)
    assert run(spark, tmp_path, maxFilesPerTrigger=2) == [2, 1]
    for log in ("checkpoint/commits", "taken/_spark_metadata"):  # as if killed before them
        for name in ("1", ".1.crc"):
            (tmp_path / log / name).unlink()
    spec_files.write(tmp_path / "survey", 7)
    assert run(spark, tmp_path, maxFilesPerTrigger=2) == [1, 1]
    assert sorted(taken(spark, tmp_path).values()) == [1, 1, 1, 1]


def test_a_stream_without_a_log_says_so(spark: SparkSession, tmp_path: Path) -> None:
    read = spark.readStream.format("galspec").load(str(tmp_path / "survey"))
    query = read.writeStream.option("checkpointLocation", str(tmp_path / "checkpoint"))
    with pytest.raises(Exception, match=r"UserError: galspec needs the option log") as raised:
        query.trigger(availableNow=True).start(str(tmp_path / "taken")).awaitTermination()
    assert "Traceback" not in str(raised.value)


def reader(folder: Path, **options: str) -> stream.SpectraStream:
    given = {"path": str(folder / "survey"), "log": str(folder / "files"), **options}
    return stream.SpectraStream(SCHEMA, Options.of(given, OF_READ_STREAM))


def test_a_checkpoint_of_another_list_is_refused(tmp_path: Path) -> None:
    spec_files.write(tmp_path / "survey")
    first = reader(tmp_path)
    begin, end = first.initialOffset(), first.latestOffset()
    first.stop()
    (tmp_path / "files").rename(tmp_path / "lost")
    other = reader(tmp_path)
    with pytest.raises(UserError, match=r"belongs to another list of files than that in .*/files"):
        other.partitions(begin, end)
    other.stop()


def test_a_file_that_is_being_written_is_awaited(tmp_path: Path) -> None:
    path = spec_files.write(tmp_path / "survey")
    whole = path.read_bytes()
    path.write_bytes(whole[:30000])
    source = reader(tmp_path)
    begin, end = source.initialOffset(), source.latestOffset()
    (partition,) = source.partitions(begin, end)
    assert isinstance(partition, FilesOfTask)
    assert partition.files == [(str(path), 30000)]
    timer = Timer(0.3, path.write_bytes, [whole])
    timer.start()
    (batch,) = source.read(partition)
    timer.join()
    source.stop()
    assert batch["file"].to_pylist() == [str(path)]


def test_a_file_that_stays_damaged_fails_the_query_or_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = spec_files.write(tmp_path / "survey")
    path.write_bytes(path.read_bytes()[:30000])
    partition = FilesOfTask([(str(path), 12)])
    monkeypatch.setattr(stream, "SETTLED", 0.2)
    with pytest.raises(UserError, match=r"spec-0000\.fits: truncated: .*ignoreCorruptFiles"):
        list(reader(tmp_path).read(partition))
    patient = reader(tmp_path, ignoreCorruptFiles="true")
    for _ in range(2):  # a batch may be run again
        assert list(patient.read(partition)) == []
    (note,) = (tmp_path / "files/left_out").iterdir()
    assert json.loads(note.read_text())["reason"] == "truncated"
    path.unlink()
    with pytest.raises(UserError, match=r"unreadable: .* No such file"):
        list(reader(tmp_path).read(partition))


def test_an_older_spark_is_named() -> None:
    with patch.object(stream, "HAS_LIMITS", new=False):
        source = GalspecDataSource({"path": "x", "log": "y", "maxFilesPerTrigger": "2"})
        refused = source.streamReader(SCHEMA)
    with pytest.raises(UserError, match=r"maxFilesPerTrigger needs Spark 4\.2"):
        refused.initialOffset()
