"""How a job that spark-submit did not start starts Java."""

from __future__ import annotations

import os
from unittest.mock import MagicMock, patch

import pytest

from galspec_spark.config import CONF
from galspec_spark.harness import java


@pytest.fixture
def launched(monkeypatch):
    """Start a Java that is not there; return its settings and what was in the environment."""
    monkeypatch.setattr(java.SparkContext, "_gateway", None)
    monkeypatch.setattr(java.SparkContext, "_ensure_initialized", lambda gateway: None)
    launch = MagicMock(side_effect=lambda conf, _: os.write(_["stderr"], b""))

    def start(settings, **environment):
        with (
            patch.object(java, "launch_gateway", launch),
            patch.dict(os.environ, environment, clear=True),
        ):
            java.start_java(settings)
            return dict(launch.call_args.args[0].getAll()), dict(os.environ)

    return start


def test_it_has_the_packages_configuration_and_half_of_the_memory(launched):
    _, environment = launched({})
    assert environment["SPARK_CONF_DIR"] == str(CONF)
    assert environment["SPARK_DRIVER_MEMORY"] == f"{java.driver_gigabytes()}g"


@pytest.mark.parametrize("own", ["SPARK_CONF_DIR", "SPARK_HOME"])
def test_the_users_own_spark_is_left_alone(launched, own):
    assert launched({}, **{own: "/x"})[1] == {own: "/x"}


def test_no_secret_is_on_its_command_line(launched):
    settings = {"spark.master": "local[1]", "spark.authenticate.secret": "planted"}
    assert launched(settings)[0] == {"spark.master": "local[1]"}


def test_half_of_a_containers_memory(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(java, "CONTAINER_LIMIT", limit)
    for text, expected in (("4294967296", 2), ("1000", 1)):
        limit.write_text(f"{text}\n")
        assert java.driver_gigabytes() == expected
    limit.write_text("max\n")
    assert 1 <= java.driver_gigabytes() <= 16


def test_what_java_writes_is_passed_on_but_for_one_line(capfd):
    source, sink = os.pipe()
    written = b"a\nWARNING: Using incubator modules: jdk.incubator.vector\nb \xff\rc"
    os.write(sink, written)
    os.close(sink)
    java._pass_on(source)
    assert capfd.readouterr().err == "a\nb \ufffd\rc"
