"""The DAG believes run.json.

Airflow itself is tried where ``GALSPEC_AIRFLOW`` names a Python with apache-airflow-core and
apache-airflow-providers-standard.
"""

from __future__ import annotations

import ast
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.submit import ROOT

FOLDER = ROOT / "deploy/airflow"
problems = runpy.run_path(str(FOLDER / "run_json.py"))["problems"]

RUN = {
    "job": "release",
    "release": "dr19",
    "status": "done",
    "steps": [{"name": "ingest", "state": "done"}, {"name": "classify", "state": "skipped"}],
}


def problems_of(folder: Path, **changes: object) -> list[str]:
    (folder / "run.json").write_text(json.dumps({**RUN, **changes}))
    found: list[str] = problems(folder / "run.json", "dr19")
    return found


def test_a_run_is_good_where_all_of_it_is_done(tmp_path: Path) -> None:
    assert problems_of(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "failed"}, "status: failed"),
        ({"status": "attention"}, "status: attention"),
        ({"status": "running"}, "status: running"),
        ({"steps": [{"name": "drift", "state": "failed"}]}, "step drift: failed"),
        ({"steps": [{"name": "drift", "state": "running"}]}, "step drift: running"),
        ({"steps": []}, "no steps"),
        ({"release": "dr18"}, "it is about release dr18, not dr19"),
        ({"steps": [{"name": "drift"}]}, "not a release's run.json"),
        ({"steps": None}, "not a release's run.json"),
    ],
)
def test_anything_else_is_a_problem(
    tmp_path: Path, changes: dict[str, object], expected: str
) -> None:
    (problem,) = problems_of(tmp_path, **changes)
    assert expected in problem


def test_no_run_json_is_a_problem(tmp_path: Path) -> None:
    assert "the job never began" in problems(tmp_path / "run.json", "dr19")[0]
    (tmp_path / "run.json").write_text("{")
    assert "not a release's run.json" in problems(tmp_path / "run.json", "dr19")[0]


def test_values_for_the_shell_command_are_plain() -> None:
    tree = ast.parse((FOLDER / "galspec_release.py").read_text())
    plain = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PLAIN"
    )
    for good in ("/data", "s3://bucket/dr19", "dr19.1_a-b"):
        assert re.fullmatch(plain, good)
    for bad in ('dr19"; rm -rf /', "$(id)", "`id`", "a b", "a\nb", ""):
        assert not re.fullmatch(plain, bad)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        ("done", 0, "submit success, check success, DAG success"),
        ("attention", 3, "submit success, check failed, DAG failed"),
        ("failed", 0, "submit success, check failed, DAG failed"),
        ("done", 1, "submit failed, check success, DAG success"),
    ],
)
def test_the_dag_in_airflow(tmp_path: Path, status: str, code: int, expected: str) -> None:
    """A stand-in for spark-submit writes run.json and exits; the DAG is what run.json says."""
    python = os.environ.get("GALSPEC_AIRFLOW")
    if not python:
        pytest.skip("GALSPEC_AIRFLOW does not name a Python with Airflow")
    submit = tmp_path / "bin/spark-submit"
    submit.parent.mkdir()
    submit.write_text(
        f"#!{sys.executable}\n"
        "import json, pathlib, sys\n"
        "output = pathlib.Path(sys.argv[sys.argv.index('--output') + 1])\n"
        "output.mkdir(parents=True)\n"
        f"(output / 'run.json').write_text({json.dumps({**RUN, 'status': status})!r})\n"
        f"sys.exit({code})\n"
    )
    submit.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{submit.parent}{os.pathsep}{os.environ['PATH']}",
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(FOLDER),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "PYTHONDONTWRITEBYTECODE": "1",
        "SPARK_MASTER": "local",
        "GALSPEC_HOME": str(ROOT),
    }
    for command in (
        ["-m", "airflow", "db", "migrate"],
        [str(Path(__file__).with_name("dag_run.py")), str(FOLDER), str(tmp_path)],
    ):
        done = subprocess.run(
            [python, *command], env=environment, cwd=tmp_path, capture_output=True, text=True
        )
    assert expected in done.stdout, done.stderr
