"""A stream to be killed: takes the files of a folder, few at a time, into Parquet files.

``python -m tests.slow_stream FOLDER`` says when its query has started, and goes on for ever.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql.datasource import DataSourceStreamReader
from pyspark.sql.streaming import DataStreamWriter

from galspec_spark.config import Config
from galspec_spark.harness.session import open_session
from tests.submit import SETTINGS

#: Spark has no smaller batches before 4.2.
LIMIT = {"maxFilesPerTrigger": 4} if hasattr(DataSourceStreamReader, "getDefaultReadLimit") else {}


def stream(spark: SparkSession, folder: Path, **options: int) -> DataStreamWriter:
    """Return a stream from the folder ``survey`` to ``taken``."""
    read = spark.readStream.format("galspec").schema("spectrum_id string, file string")
    read = read.options(log=str(folder / "checkpoint/files"), **options)
    write = read.load(str(folder / "survey")).writeStream
    return write.option("checkpointLocation", str(folder / "checkpoint")).option(
        "path", str(folder / "taken")
    )


def main(folder: str) -> None:
    """Run the stream in a session of its own."""
    with open_session("slow stream", Config(spark=SETTINGS)) as spark:
        query = stream(spark, Path(folder), **LIMIT).start()
        sys.stdout.write("started\n")
        sys.stdout.flush()
        query.awaitTermination()


if __name__ == "__main__":
    main(*sys.argv[1:])
