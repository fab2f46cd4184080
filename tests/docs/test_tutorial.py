"""The tutorial's commands: each has options that exist and values that its configuration takes.

What the commands do, tests/test_readme.py proves of the same ones.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from galspec_spark.command import main
from tests.submit import ROOT

#: Pages whose commands no other test runs.
PAGES = ("tutorial", "clusters", "lines", "features")


def commands(page: str) -> Iterator[list[str]]:
    """Return the words of each command, a job of spark-submit as that of galspec."""
    text = (ROOT / "docs" / f"{page}.md").read_text()
    for block in re.findall(r"^```\n(.*?)^```", text, re.S | re.M):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["galspec"]:
                yield words[1:]
            elif words[:1] == ["spark-submit"]:
                (number,) = (n for n, word in enumerate(words) if word.startswith("jobs/"))
                yield [Path(words[number]).stem, *words[number + 1 :]]


@pytest.mark.parametrize(
    "words", [words for page in PAGES for words in commands(page)], ids=lambda words: words[0]
)
def test_each_command_is_right(words, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    words = [re.sub(r"/(shared|data)", str(tmp_path), word) for word in words]
    with patch("galspec_spark.harness.cli.summarise", return_value={}) as work:
        code = main(words)
    assert (code, capsys.readouterr().err) == (0, "")
    assert work.called


def test_a_wrong_command_is_found(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    with patch("galspec_spark.harness.cli.summarise", return_value={}):
        assert main(["train", "--set", "train.featurs={}"]) == 2
        assert main(["train", "--wharehouse", "x"]) == 2


def test_the_tutorial_has_the_commands_of_the_readme() -> None:
    tutorial = {words[0] for words in commands("tutorial")}
    assert tutorial >= {"simulate", "ingest", "preprocess", "measure", "train", "release"}
