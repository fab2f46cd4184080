from __future__ import annotations

import gc
import os
import signal
import sys
from unittest.mock import MagicMock

import pyarrow as pa
import pytest
from pyspark import SparkFiles

from galspec_spark.config import Config
from galspec_spark.errors import ConfigError, UserError
from galspec_spark.harness import session
from galspec_spark.harness.session import SECRET, SETTINGS, _conf, check_java, open_session
from galspec_spark.harness.tasks import run_tasks
from galspec_spark.warehouse.frames import frame_of_tasks, scan
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.storage import Location

JAVA_17 = 'openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment (build 17.0.15+6)\n'
CHATTY_17 = f"Picked up JAVA_TOOL_OPTIONS: -Dnote=version\n{JAVA_17}"
JAVA_21 = 'java version "21" 2023-09-19 LTS\n'
JAVA_11 = 'openjdk version "11.0.2" 2019-01-15\n'


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Make a stand-in for Java that prints `text` the only Java; return its home."""

    def install_java(text, home="jdk"):
        java = tmp_path / home / "bin" / "java"
        java.parent.mkdir(parents=True)
        java.write_text(f"#!/bin/sh\n/bin/cat >&2 <<'END'\n{text}END\n")
        java.chmod(0o755)
        monkeypatch.setenv("PATH", str(java.parent))
        monkeypatch.delenv("JAVA_HOME", raising=False)
        return tmp_path / home

    return install_java


@pytest.mark.parametrize("text", [JAVA_17, CHATTY_17, JAVA_21])
def test_java_17_and_21_will_do(install, text):
    install(text)
    check_java()


@pytest.mark.parametrize(
    ("text", "expected"),
    [(JAVA_11, "is version 11"), ("command line tools are needed\n", "is version unknown")],
)
def test_another_java_is_one_clear_line(install, text, expected):
    install(text)
    with pytest.raises(UserError, match=f"{expected}: Spark needs 17 or 21; set JAVA_HOME"):
        check_java()


def test_java_home_wins_over_the_path(install, monkeypatch):
    old = install(JAVA_11, "old")
    install(JAVA_17, "new")
    monkeypatch.setenv("JAVA_HOME", str(old))
    with pytest.raises(UserError, match=r"old/bin/java is version 11"):
        check_java()


def test_no_java_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(UserError, match="no Java on the PATH: install Java 17 or 21"):
        check_java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(UserError, match=f"no Java in JAVA_HOME={tmp_path}"):
        check_java()


def test_the_configuration_wins_over_the_sessions_own_settings(spark):
    assert spark.conf.get("spark.sql.session.timeZone") == SETTINGS["spark.sql.session.timeZone"]
    assert SETTINGS["spark.sql.shuffle.partitions"] != "2"
    assert spark.conf.get("spark.sql.shuffle.partitions") == "2"  # see conftest.py


def test_an_interrupt_is_pythons_own(spark):
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_builder_which_logs_what_it_is_given_does_not_get_the_secret(monkeypatch):
    monkeypatch.setenv(SECRET, "planted")
    context, java = MagicMock(), MagicMock()
    monkeypatch.setattr(session, "check_java", lambda: None)
    monkeypatch.setattr(session, "start_java", lambda settings: None)
    monkeypatch.setattr(session.SparkContext, "getOrCreate", context)
    monkeypatch.setattr(session.SparkSession.Builder, "getOrCreate", lambda self: java)
    with open_session("job", Config()):
        (conf,) = context.call_args.args
    assert conf.get("spark.authenticate.secret") == "planted"
    assert conf.get("spark.app.name") == "job"
    assert "planted" not in str(session.SparkSession.builder._options)


def test_a_setting_that_comes_too_late_is_refused(monkeypatch):
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    monkeypatch.setattr("pyspark.SparkContext._ensure_initialized", lambda: None)
    with pytest.raises(ConfigError, match=r"--conf spark.driver.memory=VALUE before the job"):
        _conf(Config(spark={"spark.driver.memory": "4g"}))


def test_the_configuration_has_spark_keep_its_event_log():
    """As the documentation says it; Java reads True like true."""
    settings = {"spark.eventLog.enabled": True, "spark.eventLog.dir": "file:///logs"}
    conf = dict(_conf(Config(spark=settings)).getAll())
    assert conf["spark.eventLog.enabled"] == "True"
    assert conf["spark.eventLog.dir"] == "file:///logs"


def test_the_secret_of_a_cluster_comes_from_the_environment(monkeypatch):
    monkeypatch.delenv(SECRET, raising=False)
    assert not _conf(Config()).contains("spark.authenticate.secret")
    monkeypatch.setenv(SECRET, "open sesame")
    assert _conf(Config()).get("spark.authenticate.secret") == "open sesame"


@pytest.mark.parametrize(
    ("largest", "join"), [("10MB", "BroadcastHashJoin"), ("1kB", "SortMergeJoin")]
)
def test_a_table_is_broadcast_only_where_it_is_small(spark, tmp_path, largest, join):
    """Spark takes what tasks read for 8 bytes, whatever it is."""
    parts = [Location.of(tmp_path / f"{number}.parquet") for number in range(2)]
    for number, part in enumerate(parts):
        rows = pa.table({"key": range(1000 * number, 1000 * number + 1000)})
        with part_writer(part, rows.schema) as writer:
            writer.write_table(rows)
    adaptive = "spark.sql.adaptive.autoBroadcastJoinThreshold"
    settings = {"spark.sql.adaptive.enabled": "true", adaptive: largest}
    before = {name: spark.conf.get(name) for name in settings}
    try:
        for name, value in settings.items():
            spark.conf.set(name, value)
        both = scan(spark, parts).join(scan(spark, parts), "key")
        assert len(both.collect()) == 2000
    finally:
        for name, value in before.items():
            spark.conf.set(name, value)
    final_plan = both._jdf.queryExecution().executedPlan().toString().partition("Initial Plan")[0]
    assert join in final_plan


def test_tasks_of_rows_and_of_numbers_share_pythons_processes(spark):
    def parent(task):
        yield pa.record_batch({"parent": [os.getppid()]})

    (of_numbers,) = run_tasks(spark, lambda task: os.getppid(), [0])
    assert frame_of_tasks(spark, parent, [0], "parent long").collect() == [(of_numbers,)]


def test_a_process_looks_for_modules_once(spark):
    """Nothing gets into its path, or each package of Spark's archives would be read anew."""

    def path(task):
        return sys.path

    (found,) = run_tasks(spark, path, [0])
    assert SparkFiles.getRootDirectory() in found[2:]


def test_the_collector_need_not_look_through_all_modules(spark):
    def looked_at(task):
        return gc.get_freeze_count(), len(gc.get_objects())

    ((frozen, others),) = run_tasks(spark, looked_at, [0])
    assert frozen > 5 * others
