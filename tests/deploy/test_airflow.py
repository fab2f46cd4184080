"""The DAG is loaded as a scheduler loads it, and believes discovery.json.

Airflow itself is tried where ``GALSPEC_AIRFLOW`` names a Python with apache-airflow-core and
apache-airflow-providers-standard.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock, patch

import pytest

from tests.submit import ROOT

DAG = ROOT / "deploy/airflow/galspec_release.py"

RELEASES = [{"name": "dr1", "state": "known"}, {"name": "dr2", "state": "done"}]


@pytest.fixture(scope="module")
def dag() -> Iterator[dict[str, Any]]:
    """What the DAG's file defines, with a stand-in for Airflow and nothing else of its folder."""
    names = ("airflow.exceptions", "airflow.providers.standard.operators.bash", "airflow.sdk")
    modules = {name: MagicMock(spec=ModuleType) for name in ("airflow", *names)}
    for name in names:
        modules[name] = MagicMock()
    assert str(DAG.parent) not in sys.path
    with patch.dict(sys.modules, modules):
        yield runpy.run_path(str(DAG))


def written(folder: Path, **changes: object) -> Path:
    place = folder / "discovery.json"
    place.write_text(json.dumps({"run_id": "r", "status": "done", "releases": RELEASES, **changes}))
    return place


def test_a_run_is_good_where_every_release_is_done(dag: dict[str, Any], tmp_path: Path) -> None:
    assert dag["problems"](written(tmp_path)) == []
    assert dag["problems"](written(tmp_path, releases=[])) == []  # nothing to do
    assert dag["with_findings"](written(tmp_path)) == []


def test_findings_are_no_problem_but_named(dag: dict[str, Any], tmp_path: Path) -> None:
    looked_at = [*RELEASES, {"name": "dr3", "state": "attention"}]
    place = written(tmp_path, status="attention", releases=looked_at)
    assert dag["problems"](place) == []
    assert dag["with_findings"](place) == ["dr3"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "failed"}, "status: failed"),
        ({"status": "running"}, "status: running"),
        ({"releases": [{"name": "a", "state": "failed", "error": "full"}]}, "a: failed: full"),
        ({"releases": [{"name": "a", "state": "waiting"}]}, "release a: waiting"),
        ({"releases": [{"name": "a"}]}, "not what a job leaves"),
        ({"releases": None}, "not what a job leaves"),
    ],
)
def test_anything_else_is_a_problem(
    dag: dict[str, Any], tmp_path: Path, changes: dict[str, object], expected: str
) -> None:
    (problem,) = dag["problems"](written(tmp_path, **changes))
    assert expected in problem


def test_no_file_is_a_problem(dag: dict[str, Any], tmp_path: Path) -> None:
    assert "the job never began" in dag["problems"](tmp_path / "discovery.json")[0]
    (tmp_path / "discovery.json").write_text("{")
    assert "not what a job leaves" in dag["problems"](tmp_path / "discovery.json")[0]


def test_values_for_the_shell_command_are_plain(dag: dict[str, Any]) -> None:
    for good in ("/data", "s3://bucket/data", "/data.1_a-b"):
        assert re.fullmatch(dag["PLAIN"], good)
    for bad in ('data"; rm -rf /', "$(id)", "`id`", "a b", "a\nb", ""):
        assert not re.fullmatch(dag["PLAIN"], bad)


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (1, 1), (2, 0), (3, 0), (4, 0), (137, 1)])
def test_only_what_a_retry_can_help_fails_the_submit(
    dag: dict[str, Any], tmp_path: Path, code: int, expected: int
) -> None:
    submit = tmp_path / "spark-submit"
    submit.write_text(f"#!/bin/sh\nexit {code}\n")
    submit.chmod(0o755)
    (tmp_path / "releases").mkdir()
    old = written(tmp_path / "releases")
    script = dag["SUBMIT"].replace("{{ params.data }}", str(tmp_path))
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["bash", "-c", script], env={"PATH": path}, check=False)
    assert done.returncode == expected
    assert not old.exists()  # an earlier run's is never believed


def airflow(folder: Path, bin_: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Airflow with the DAG's folder copied into the DAGs' folder, as deploy/README.md says."""
    python = os.environ.get("GALSPEC_AIRFLOW")
    if not python:
        pytest.skip("GALSPEC_AIRFLOW does not name a Python with Airflow")
    shutil.copytree(DAG.parent, folder / "dags/airflow", dirs_exist_ok=True)
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = {
        **variables,
        "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "SPARK_MASTER": "local[2]",
        "GALSPEC_HOME": str(ROOT),
    }
    for words in (("-m", "airflow", "db", "migrate"), command):
        done = subprocess.run(
            [python, *words], env=environment, cwd=folder, capture_output=True, text=True
        )
    return done


def test_airflow_loads_the_folder_as_it_is_copied(tmp_path: Path) -> None:
    done = airflow(tmp_path, tmp_path, "-m", "airflow", "dags", "list-import-errors")
    assert "No data found" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("state", "code", "expected"),
    [
        ("done", 0, "submit success, check success, findings skipped, DAG success"),
        ("attention", 3, "submit success, check success, findings failed, DAG failed"),
        ("failed", 0, "submit success, check failed, findings upstream_failed, DAG failed"),
        ("done", 1, "submit failed, check success, findings skipped, DAG success"),
    ],
)
def test_the_dag_in_airflow(tmp_path: Path, state: str, code: int, expected: str) -> None:
    """A stand-in for spark-submit writes discovery.json and exits; the DAG is what that says."""
    submit = tmp_path / "bin/spark-submit"
    submit.parent.mkdir()
    content = {"run_id": "r", "status": state, "releases": [{"name": "dr1", "state": state}]}
    submit.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, sys\n"
        "output = pathlib.Path(sys.argv[sys.argv.index('--output') + 1])\n"
        "output.mkdir(parents=True)\n"
        f"(output / 'discovery.json').write_text({json.dumps(content)!r})\n"
        f"sys.exit({code})\n"
    )
    submit.chmod(0o755)
    script = str(Path(__file__).with_name("dag_run.py"))
    done = airflow(tmp_path, submit.parent, script, str(tmp_path))
    assert expected in done.stdout, done.stdout + done.stderr
