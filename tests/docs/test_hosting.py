"""What stands beside the code for those who cite, contribute or host: in step with the package."""

from __future__ import annotations

import re
import tomllib

import yaml

from galspec_spark import __version__
from tests.submit import ROOT


def test_the_citation_is_of_this_version_and_names_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    (paper,) = citation["references"]
    assert paper["identifiers"][0]["value"] == "arXiv:1801.04839"
    assert [author["family-names"] for author in paper["authors"]] == [
        "Tao",
        "Zhang",
        "Cui",
        "Zhang",
    ]


def test_the_matrix_goes_from_the_oldest_spark_to_the_newest() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (spark,) = (name for name in project["dependencies"] if name.startswith("pyspark"))
    oldest, beyond = re.findall(r"4\.(\d+)", spark)
    assert matrix["spark"] == [f"4.{minor}" for minor in range(int(oldest), int(beyond))]
    assert f">={matrix['python'][0]}" == project["requires-python"]


def test_commits_and_hosts_run_what_make_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    tools = {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in hooks}
    makefile = (ROOT / "Makefile").read_text()
    lint = re.search(r"^lint:.*\n(.*)", makefile, re.M)
    assert lint is not None
    assert tools == set(re.findall(r"\b(ruff|mypy)\b", lint[1]))
    steps = re.findall(r"make (\w+)", (ROOT / ".github/workflows/tests.yml").read_text())
    assert set(steps) == set(re.findall(r"^make (\w+)", (ROOT / ".ci/run").read_text(), re.M))
