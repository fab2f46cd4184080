from __future__ import annotations

import os
import subprocess

import pytest

from galspec_spark.errors import ConfigError
from galspec_spark.harness import names
from galspec_spark.harness.names import keep_names
from tests.submit import ROOT


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Neither a locale, nor a Java that started this process."""
    for name in ("PYSPARK_GATEWAY_PORT", "LC_ALL"):
        monkeypatch.delenv(name, raising=False)


def test_java_that_is_not_started_yet_gets_a_locale_where_there_is_none(monkeypatch):
    monkeypatch.setattr("locale.getencoding", lambda: "UTF-8")
    keep_names([])
    assert "LC_ALL" not in os.environ
    monkeypatch.setattr("locale.getencoding", lambda: "ANSI_X3.4-1968")
    keep_names(["--input", "dü"])
    assert os.environ["LC_ALL"] == "C.UTF-8"


def test_letters_that_java_lost_are_one_line_that_says_what_to_set(monkeypatch, tmp_path):
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    monkeypatch.setattr(names, "_encoding_of_java", lambda: "ANSI_X3.4-1968")
    keep_names(["--input", "survey"])
    with pytest.raises(ConfigError, match=r"ANSI_X3.4-1968, .*: export LC_ALL=C\.UTF-8"):
        keep_names(["--input", "d??"])
    (tmp_path / "dü").mkdir()
    monkeypatch.chdir(tmp_path / "dü")
    with pytest.raises(ConfigError, match="question marks"):
        keep_names([])
    monkeypatch.setattr(names, "_encoding_of_java", lambda: "UTF-8")
    keep_names(["--input", "d??"])


def test_a_python_that_does_not_speak_utf_8_is_one_line(monkeypatch):
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "iso8859-1")
    with pytest.raises(ConfigError, match="Python names files in iso8859-1: export LC_ALL"):
        keep_names([])


@pytest.mark.parametrize(("locale", "expected"), [("C", "C.UTF-8"), ("C.UTF-8", "")])
def test_spark_starts_java_with_a_locale(locale, expected):
    """Also where it names one that the machine lacks."""
    script = 'set -- --master spark://host:7077; . conf/spark-env.sh; echo "$LC_ALL"'
    for name in (locale, "xx_XX.UTF-8" if expected else locale):
        variables = {"PATH": os.environ["PATH"], "LANG": name}
        command = ["bash", "-c", script]
        printed = subprocess.run(command, cwd=ROOT, env=variables, stdout=-1, text=True, check=True)
        assert printed.stdout.strip() == expected
