"""How Java starts on one machine: conf/spark-env.sh, and the archive that tools/setup.sh makes."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pyspark
import pytest
from pyspark.sql import SparkSession

from tests.submit import ROOT

SPARK_HOME = Path(pyspark.__path__[0])
ARCHIVE = SPARK_HOME / "jars.jsa"
FIRST_COMPILER = "-XX:TieredStopAtLevel=1"


@pytest.fixture
def start(tmp_path):
    """Run spark-env.sh as Spark does; return Java's options, SPARK_CONF_DIR and SPARK_LOCAL_IP."""
    (tmp_path / "my spark").mkdir()

    def options(command="", **environment):
        script = (
            'set -a; . "$SPARK_CONF_DIR/spark-env.sh"; set +a\n'
            'printf "%s\\n" "$SPARK_SUBMIT_OPTS" "$SPARK_CONF_DIR" "$SPARK_LOCAL_IP"'
        )
        printed = subprocess.run(
            ["bash", "-c", script, "spark-class", *shlex.split(command)],
            env={
                "SPARK_HOME": str(tmp_path / "my spark"),
                "SPARK_CONF_DIR": str(ROOT / "conf"),
                **environment,
            },
            capture_output=True,
            text=True,
            check=True,
        )
        assert printed.stderr == ""
        java, folder, address = printed.stdout.splitlines()
        return shlex.split(java), folder, address

    return options


@pytest.fixture
def archive():
    """The archive, which a Java that has one of its own classes can make."""
    if not ARCHIVE.with_name("jars.jsa.made-by").exists():
        pytest.skip("tools/setup.sh did not make this environment")
    home = Path(os.environ["JAVA_HOME"])
    if not (home / "lib" / "server" / "classes.jsa").exists():
        pytest.skip(f"{home} cannot make archives")
    return ARCHIVE


@pytest.mark.parametrize(
    ("command", "first_only"),
    [
        ("jobs/ingest.py", True),
        ("--master local[2] jobs/ingest.py", True),
        ("--conf spark.master=local[2] pyspark-shell", True),
        ("jobs/run.py --config conf/demo.yaml", True),
        ("jobs/run.py --config conf/paper.yaml", False),
        ("jobs/train.py", False),
        ("benchmarks/run.py", False),
        ("--conf a=b pyspark-shell ingest", True),
        ("pyspark-shell run --config demo", True),
        ("pyspark-shell run --config paper", False),
        ("pyspark-shell train", False),
    ],
)
def test_a_search_has_both_compilers_and_a_short_job_the_first(start, command, first_only):
    java, _, _ = start(f"org.apache.spark.deploy.SparkSubmit {command}")
    assert (FIRST_COMPILER in java) == first_only
    assert ("-XX:+UseParallelGC" in java) == first_only


@pytest.mark.parametrize(
    "command",
    [
        "--master spark://host:7077 jobs/train.py",
        "--master=yarn jobs/ingest.py",
        "--conf spark.master=k8s://host jobs/ingest.py",
    ],
)
def test_a_cluster_is_not_touched(start, command):
    assert start(command) == ([], str(ROOT / "conf"), "")
    assert not (ROOT / "conf" / "cluster" / "spark-env.sh").exists()


def test_nothing_is_open_to_the_network_and_the_log_has_its_settings(start):
    java, folder, address = start("jobs/ingest.py")
    assert {
        "-Dspark.driver.host=127.0.0.1",
        "-Dspark.driver.bindAddress=127.0.0.1",
        "-Dspark.ui.enabled=false",
        "-Ddev.ludovic.netlib.blas.allowNative=false",
        f"-Dlog4j2.configurationFile={ROOT}/conf/log4j2.properties",
    } <= set(java)
    assert address == "127.0.0.1"
    assert not Path(folder).exists()


def test_the_users_own_options_win(start):
    java, _, address = start(
        "jobs/ingest.py", SPARK_SUBMIT_OPTS="-XX:+UseZGC -Da=b", SPARK_LOCAL_IP="127.0.0.2"
    )
    assert java[-2:] == ["-XX:+UseZGC", "-Da=b"]
    assert "-XX:+UseParallelGC" not in java  # Java refuses two collectors
    assert address == "127.0.0.2"
    java, _, _ = start("--driver-java-options -XX:+UseZGC jobs/ingest.py")
    assert "-XX:+UseParallelGC" not in java


def test_an_archive_that_is_not_there_is_not_asked_for(start, tmp_path):
    assert "SharedArchiveFile" not in str(start("jobs/ingest.py"))
    (tmp_path / "my spark" / "jars.jsa").touch()
    assert f"-XX:SharedArchiveFile={tmp_path}/my spark/jars.jsa" in start("jobs/ingest.py")[0]


def test_the_java_of_these_tests_has_the_archive(archive, spark: SparkSession):
    if os.environ.get("SPARK_CONF_DIR") != str(ROOT / "conf"):
        pytest.skip("the environment is not activated")
    java = spark._jvm.java.lang.ProcessHandle.current().pid()
    assert str(archive) in Path(f"/proc/{java}/maps").read_text()


def test_an_archive_that_does_not_fit_is_ignored_without_a_word(archive, start, tmp_path):
    java, _, _ = start("jobs/ingest.py", SPARK_HOME=str(SPARK_HOME))
    command = [f"{os.environ['JAVA_HOME']}/bin/java", *java, "-cp", str(tmp_path), "-version"]
    assert any("SharedArchiveFile" in option for option in java)
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == ""
    assert "warning" not in result.stderr.lower()
