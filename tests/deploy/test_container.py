"""The container: not root, nothing secret, and what Spark on Kubernetes calls in it."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.submit import ROOT

DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
ENTRYPOINT = ROOT / "deploy/entrypoint.sh"

EXECUTOR = {
    "SPARK_HOME": "/opt/spark",
    "SPARK_CONF_DIR": "/opt/spark/conf",
    "SPARK_DRIVER_URL": "spark://driver",
    "SPARK_EXECUTOR_ID": "3",
    "SPARK_EXECUTOR_CORES": "4",
    "SPARK_EXECUTOR_MEMORY": "4g",
    "SPARK_APPLICATION_ID": "spark-7",
    "SPARK_EXECUTOR_POD_IP": "192.0.2.7",
    "SPARK_EXECUTOR_POD_NAME": "pod-7",
    "SPARK_RESOURCE_PROFILE_ID": "0",
    # More than ten, which by name would not be in order.
    **{f"SPARK_JAVA_OPT_{i}": f"-Dn{i}=a b" for i in range(12)},
}


def instructions(name: str) -> list[str]:
    joined = DOCKERFILE.replace("\\\n", " ")
    return [line.removeprefix(f"{name} ") for line in joined.splitlines() if line.startswith(name)]


def test_it_is_not_root_by_a_number_that_kubernetes_can_check() -> None:
    (user,) = instructions("USER")
    assert all(int(number) > 0 for number in user.split(":"))
    # Nothing is installed or copied after it.
    assert not [line for line in DOCKERFILE.partition("USER ")[2].splitlines() if "RUN" in line[:3]]


def test_what_it_copies_is_there() -> None:
    ignored = (ROOT / "deploy/Dockerfile.dockerignore").read_text().splitlines()
    assert ignored[0] == "*"  # only what is named below gets in
    for copy in instructions("COPY"):
        *sources, _ = [word for word in copy.split() if not word.startswith("--")]
        for source in sources:
            assert source.startswith("dist/") or (ROOT / source).exists(), source
            assert any(line[1:].split("/")[0] == source.split("/")[0] for line in ignored[1:])


def pins() -> dict[str, str]:
    lines = (ROOT / "deploy/constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_it_pins_all_that_it_installs() -> None:
    """Each package that ours leads to has one version, which satisfies whoever asks for it."""
    (install,) = [line for line in instructions("RUN") if "pip install" in line]
    assert "--constraint /tmp/constraints.txt" in install
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-bookworm", instructions("FROM")[0])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned, waiting, met = pins(), [*project["dependencies"]], set()
    while waiting:
        wanted = Requirement(waiting.pop())
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        name = canonicalize_name(wanted.name)
        assert wanted.specifier.contains(pinned[name]), wanted
        if name not in met:
            met.add(name)
            waiting += distribution(name).requires or []
    assert met == set(pinned)


def test_it_holds_no_secret() -> None:
    for word in ("SECRET", "PASSWORD", "TOKEN", "ACCESS_KEY", "ARG "):
        assert word not in DOCKERFILE


def run(folder: Path, *words: str, **environment: str) -> list[str]:
    """Run the entrypoint with a tini that prints its command, a word a line."""
    tini = folder / "tini"
    tini.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    tini.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [ENTRYPOINT, *words],
        env={"PATH": path, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_driver_is_a_submit_in_client_mode(tmp_path: Path) -> None:
    found = run(tmp_path, "driver", "--x", "a b", SPARK_DRIVER_BIND_ADDRESS="192.0.2.1")
    assert found == [
        *("-s", "--", "spark-submit", "--deploy-mode", "client"),
        *("--conf", "spark.driver.bindAddress=192.0.2.1", "--x", "a b"),
    ]


def test_an_executor_gets_its_options_in_order(tmp_path: Path) -> None:
    found = run(tmp_path, "executor", **EXECUTOR)
    assert found[:3] == ["-s", "--", "java"]
    assert found[3:15] == [f"-Dn{i}=a b" for i in range(12)]
    assert found[15:19] == ["-Xms4g", "-Xmx4g", "-cp", "/opt/spark/conf:/opt/spark/jars/*"]
    assert found[19].endswith("KubernetesExecutorBackend")
    options = dict(zip(found[20::2], found[21::2], strict=True))
    assert options == {
        "--driver-url": "spark://driver",
        "--executor-id": "3",
        "--cores": "4",
        "--app-id": "spark-7",
        "--hostname": "192.0.2.7",
        "--resourceProfileId": "0",
        "--podName": "pod-7",
    }


def test_an_executor_without_its_details_fails(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(tmp_path, "executor", SPARK_HOME="/opt/spark")
    assert "unbound variable" in failed.value.stderr


def test_any_other_command_is_run_as_it_is(tmp_path: Path) -> None:
    assert run(tmp_path, "spark-submit", "--version")[2:] == ["spark-submit", "--version"]
