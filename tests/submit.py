"""Run a job: through spark-submit as a user does, or in this process, which takes no start."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

import pyspark
from pyspark.sql import SparkSession

from galspec_spark.command import main as galspec

ROOT = Path(__file__).parents[1]
SPARK = tuple(int(number) for number in pyspark.__version__.split(".")[:2])
#: Java's first compiler and simplest collector: a third less work in jobs of seconds.
#: The shared session has them too: with the second compiler, two on two cores took 286 s for what
#: takes 244 s.
QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
#: Of the session that the tests share.
SETTINGS = {
    "spark.master": "local[2]",
    "spark.driver.memory": "2g",  # honoured because the tests start the JVM themselves
    "spark.driver.extraJavaOptions": QUICK_JAVA,
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": "2",  # tiny tables: fewer tasks, faster tests
    # Plans of tiny tables are not worth compiling, or measuring to plan them again. The tests that
    # start jobs and a cluster have Spark's defaults.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    # Before 4.3, Spark's vectorised reader does not know how floats are stored: see the README.
    "spark.sql.parquet.enableVectorizedReader": str(SPARK >= (4, 3)).lower(),
}
#: Java writes it to stderr, and has no option against it. The command galspec leaves it out.
OF_JAVA = "WARNING: Using incubator modules: jdk.incubator.vector"


def command(script: Path, *options: str) -> list[str]:
    """Return the command that runs a script through spark-submit."""
    spark_submit = str(Path(sys.executable).with_name("spark-submit"))
    java = ("--driver-java-options", QUICK_JAVA)
    return [spark_submit, "--master", "local[2]", *java, str(script), *options]


def environment() -> dict[str, str]:
    """Return the variables of the activated environment."""
    settings = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "SPARK_CONF_DIR": str(ROOT / "conf"),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    return {**os.environ, **settings}


def submit(
    script: Path, *options: str, folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a script through spark-submit in a folder; variables add to the environment."""
    return subprocess.run(
        command(script, *options),
        cwd=folder,
        env={**environment(), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def messages(result: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines of stderr, without the one that Java itself writes."""
    return [line for line in result.stderr.splitlines() if line != OF_JAVA]


def run_here(spark: SparkSession, job: str, *options: str) -> int:
    """Run a job by the command galspec in the session that is open; return its exit code."""
    with (
        patch.object(sys, "argv", []),
        patch.dict(os.environ),
        patch("galspec_spark.harness.cli.open_session", lambda name, config: nullcontext(spark)),
    ):
        return galspec([job, *options])
