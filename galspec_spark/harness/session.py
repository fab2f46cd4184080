"""The Spark session of the jobs, and the check that Java can run it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyspark import SparkConf, SparkContext, SparkFiles
from pyspark.sql import SparkSession

from galspec_spark.config import Config
from galspec_spark.errors import ConfigError, UserError
from galspec_spark.harness.java import start_java

JAVA_VERSIONS = (17, 21)

#: Settings that the code relies on, unless spark-submit or ``spark:`` in the configuration sets
#: others.
SETTINGS = {
    # A row of 2642 pixels has 10 kB a column: an Arrow batch stays at some 20 MB.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "1000",
    "spark.sql.session.timeZone": "UTC",
    # Narrow tables: few, not 200, shuffle partitions on a small cluster.
    "spark.sql.shuffle.partitions": "8",
    # Spark takes tables that tasks read themselves for tiny, and would send each whole to every
    # executor. So a join decides by the measured size of a shuffle.
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.adaptive.autoBroadcastJoinThreshold": "10MB",
    # A Gram matrix in float64 is 56 MB, and several may arrive at once.
    "spark.driver.maxResultSize": "2g",
    # It is an environment variable of the tasks of DataFrames alone, and Spark has other Python
    # processes for another environment: all that tasks import would be imported and held twice.
    "spark.sql.execution.pyspark.udf.simplifiedTraceback.enabled": "false",
    # Spark's messages must not bury a job's own lines.
    "spark.log.level": "ERROR",
}

#: Spark's bars have no names; `galspec_spark.harness.progress` has.
NO_BAR = {"spark.ui.showConsoleProgress": "false"}

#: Where Spark is one process, a task that runs out of memory fails its job, and the process goes on
#: to report that. Spark's default ends the process at once.
LOCAL_SETTINGS = {"spark.executor.killOnFatalError.depth": "0"}

#: How settings begin that only the start of Java reads, and spark-submit has started it.
OF_START = ("spark.driver.memory", "spark.driver.extra", "spark.driver.default", "spark.submit.")

#: Loggers that print the stack trace of a failed task, which reaches the job as an exception.
SILENT = ("org.apache.spark.executor.Executor", "org.apache.spark.scheduler.TaskSetManager")

#: Spark's own name for the secret that authenticates a cluster's connections.
SECRET = "_SPARK_AUTH_SECRET"


@contextmanager
def open_session(name: str, config: Config) -> Iterator[SparkSession]:
    """Open a `session` and stop it afterwards."""
    spark = session(config, name)
    _let_interrupts_through()
    try:
        yield spark
    finally:
        spark.stop()


def session(config: Config | None = None, name: str = "galspec") -> SparkSession:
    """Return a session, on all local cores unless spark-submit or the configuration names another.

    Tasks run in the interpreter that runs this, whether its environment is activated or not. A
    session that is there already is returned, with the settings that it has.

    Parameters
    ----------
    config
        Its section ``spark`` has settings of Spark; None for the defaults.
    name
        Of the application, as Spark's own pages show it.

    Raises
    ------
    UserError
        If no Java is found that Spark can use.
    ConfigError
        If the configuration has a setting that comes too late.
    """
    check_java()
    config = config or Config()
    start_java({**NO_BAR, **{key: str(value) for key, value in config.spark.items()}})
    conf = _conf(config)
    # Tasks run in the interpreter that runs the job, not in the first python3 on the PATH.
    os.environ.setdefault("PYSPARK_PYTHON", conf.get("spark.pyspark.python", sys.executable))
    # A builder that is given the settings logs each at DEBUG, and hands it to Hadoop: secrets too.
    context = SparkContext.getOrCreate(conf.setAppName(name))
    # A Python process that gets a new folder into its path reads Spark's archives anew, for each of
    # their packages. This folder is the one that it would get.
    context.environment.setdefault("PYTHONPATH", SparkFiles.getRootDirectory())
    spark = SparkSession.builder.getOrCreate()
    _silence(spark)
    return spark


def _conf(config: Config) -> SparkConf:
    """Return the settings: the configuration's, else those that Java has, else our own."""
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        SparkContext._ensure_initialized()
        _check_in_time(config)
    conf = SparkConf()
    for key, value in config.spark.items():
        conf.set(key, str(value))
    is_local = conf.get("spark.master", "local").startswith("local")
    for key, value in {**SETTINGS, **NO_BAR, **(LOCAL_SETTINGS if is_local else {})}.items():
        conf.setIfMissing(key, value)
    if SECRET in os.environ:  # masters, workers and executors read it from there; a driver does not
        conf.setIfMissing("spark.authenticate.secret", os.environ[SECRET])
    return conf


def _check_in_time(config: Config) -> None:
    late = [key for key in config.spark if key.startswith(OF_START)]
    if late:
        raise ConfigError(
            f"{late[0]} comes too late for the Java that spark-submit has started: give it to "
            f"spark-submit, as --conf {late[0]}=VALUE before the job"
        )


def _silence(spark: SparkSession) -> None:
    java: Any = spark.sparkContext._jvm
    for name in SILENT:
        java.org.apache.logging.log4j.core.config.Configurator.setLevel(name, "OFF")


def _let_interrupts_through() -> None:
    """Undo Spark's handler, which asks Java to cancel jobs amid another question, and fails."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


def check_java() -> None:
    """Fail with one clear line if the Java that Spark would start is missing or too old."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else "java"
    if shutil.which(java) is None:
        where = f"in JAVA_HOME={home}" if home else "on the PATH"
        raise UserError(f"no Java {where}: install Java 17 or 21 (Debian: openjdk-17-jre-headless)")
    # java prints its version to stderr: openjdk version "17.0.15" ...
    printed = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', printed)
    if found is None or int(found.group(1)) not in JAVA_VERSIONS:
        version = found.group(1) if found else "unknown"
        raise UserError(f"{java} is version {version}: Spark needs 17 or 21; set JAVA_HOME to one")
