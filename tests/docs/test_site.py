"""The pages of the site that are made: of the configuration, the parsers, names and notebooks."""

from __future__ import annotations

import re

import pytest
import yaml

import galspec_spark as gs
from docs.hooks.commands import command_reference
from docs.hooks.configuration import configuration_reference, sections_of
from docs.hooks.face import python_reference
from docs.hooks.notebooks import notebook_page
from docs.hooks.pages import linked, section
from galspec_spark.command import JOBS
from tests.submit import ROOT


def test_the_configuration_is_the_defaults_section_by_section() -> None:
    page = configuration_reference(ROOT / "conf")
    sections = sections_of((ROOT / "conf/default.yaml").read_text())
    assert [name for name, _, _ in sections] == list(gs.Config.model_fields)
    stated = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.S)]
    whole = {key: value for section in stated[: len(sections)] for key, value in section.items()}
    assert gs.Config.model_validate(whole) == gs.Config()
    assert "An archive's HTTP tree -> files in a folder." in page
    assert "### paper" in page


def test_each_command_has_its_options() -> None:
    page = command_reference()
    commands = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", page, re.S | re.M))
    assert tuple(commands) == JOBS
    assert "| `--output DIR` | folder of the results | `run` |" in commands["train"]
    assert (
        "`simulate.seed` of the [configuration](configuration.md#simulate)" in commands["simulate"]
    )
    assert "data release" in commands["drift"]
    assert "(required)" in commands["drift"]
    assert "| `OLD` | the old release (required) |" in commands["diff"]
    assert "--set" not in commands["train"]


def test_each_public_name_is_in_the_reference() -> None:
    found = re.findall(r"^::: (\S+)$", python_reference(), re.M)
    assert [name.rpartition(".")[2] for name in found] == gs.__all__


def test_a_notebook_is_a_page() -> None:
    page = notebook_page(ROOT / "docs/notebooks/one_file.ipynb")
    assert page.startswith("# One file to its probability\n")
    assert "```python\naxes = gs.plot(spectrum, model)\n```" in page


def test_a_page_has_sections_of_the_readme() -> None:
    assert section("opening").startswith("# galspec_spark\n")
    assert section("Export").startswith("```\ngalspec classify")
    assert "\n## " not in section("Export")
    with pytest.raises(KeyError):
        section("Exports")


def test_notebooks_have_no_outputs() -> None:
    for path in (ROOT / "docs/notebooks").glob("*.ipynb"):
        assert '"outputs": [{' not in path.read_text().replace("\n", "").replace(" ", "")
        assert '"execution_count": null' in path.read_text()


@pytest.mark.parametrize(
    ("text", "source", "expected"),
    [
        ("[a](docs/queue.md#labels)", "README.md", "[a](../queue.md#labels)"),
        ("![a](docs/flow.png)", "README.md", "![a](../flow.png)"),
        ("[a](../conf/paper.yaml)", "docs/x.md", "[a](configuration.md#paper)"),
        ("[a](../README.md)", "deploy/README.md", "[a](../index.md)"),
        ("[a b](galspec_spark/labels.py)", "README.md", "a b"),
        ("[a](https://b.c/d)", "README.md", "[a](https://b.c/d)"),
        ("[a](#b)", "README.md", "a"),
        ("[a](#b)", "docs/x.md", "[a](#b)"),
        ("```\n[a](x.md)\n```", "README.md", "```\n[a](x.md)\n```"),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(text, source, expected) -> None:
    assert linked(text, source, "reference/page.md") == expected
