"""Every command of the README, as it is written, on a small survey and quick settings."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import pyarrow.dataset as ds
import pytest
from pyspark.sql import SparkSession

from galspec_spark.config import Config, load_config
from galspec_spark.download import templates
from galspec_spark.ml.model.bundle import model_id
from galspec_spark.warehouse.flags import FLAG_BITS
from tests.http_archive import Archive
from tests.lines.galaxies import write_templates
from tests.submit import ROOT, run_here

README = (ROOT / "README.md").read_text()
#: A survey has so many times fewer spectra than the README's.
FEWER = 10
#: The classifier of small.yaml that takes Spark many jobs; tests/cluster trains it.
SLOW = "random_forest"
#: A release may be unlike so few spectra of the training set.
MAY_FIND = ("release",)


def blocks(kind: str = "") -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", README, flags=re.S | re.M)


def commands() -> list[list[str]]:
    """Return the words after galspec in each of the README's commands."""
    lines = [line for block in blocks() for line in block.replace("\\\n", " ").splitlines()]
    words = [shlex.split(line, comments=True) for line in lines]
    return [line[1:] for line in words if line[:1] == ["galspec"] and line[1:]]


def quick(path: str | None, overrides: list[str], settings: dict[str, object]) -> Config:
    """Read the tests' small configuration, less of it, where the README uses the default."""
    assert path is None
    config = load_config(ROOT / "tests" / "small.yaml", overrides, settings)
    del config.train.classifiers[SLOW]
    return config


def fewer(spectra: re.Match[str]) -> str:
    return str(int(spectra[0]) // FEWER)


@pytest.fixture
def http_archive() -> Iterator[Archive]:
    with Archive() as archive:
        yield archive


def _serve_templates(folder: Path, monkeypatch: pytest.MonkeyPatch, archive: Archive) -> None:
    """Have templates of the tests downloaded instead of SDSS's."""
    content = Path(write_templates(folder / "stars.fits")).read_bytes()
    archive.files = {"spEigenElodie.fits": content}
    monkeypatch.setattr(templates, "ADDRESS", f"{archive.url}/spEigenElodie.fits")
    monkeypatch.setattr(templates, "SHA1", hashlib.sha1(content).hexdigest())


def test_each_command_runs(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, http_archive: Archive
) -> None:
    monkeypatch.chdir(tmp_path)
    _serve_templates(tmp_path, monkeypatch, http_archive)
    seen = set()
    for job, *options in commands():
        small = [re.sub(r"^\d{4}$", fewer, option) for option in options]
        small = [re.sub(r"(?<=random_points=)\d+", "1", option) for option in small]
        with patch("galspec_spark.harness.cli.load_config", quick):
            code = run_here(spark, job, *small)
        assert code in ((0, 3) if job in MAY_FIND else (0,)), (job, options)
        seen.add(job)
    assert seen >= {"simulate", "ingest", "preprocess", "measure", "train", "release", "classify"}
    for name in ("run/report.html", "run2/comparison.md", "releases/dr2/report.html"):
        assert (tmp_path / name).stat().st_size > 0
    assert {path.name for path in (tmp_path / "export").iterdir()} >= {
        "catalog.fits", "catalog.vot", "catalog.csv", "hats", "hats-spectra",
    }  # fmt: skip
    with (tmp_path / "export" / "catalog.csv").open() as table:
        assert '"h_alpha_area","h_alpha_area_err"' in table.readline()
    _check_training_objects(tmp_path)
    code = "\n".join(block for block in blocks("python") if "s3://" not in block)
    # Java's own folder is another one.
    exec(code.replace('"warehouse/', f'"{tmp_path}/warehouse/'), {"spark": spark})


def _check_training_objects(folder: Path) -> None:
    """What the promoted model learned from, all but a later release, is flagged, not exported."""
    sample = ds.dataset(folder / "warehouse/sample").to_table().to_pandas()
    learned = sample.query("split == 'train' and release != 'dr2'")["object_id"]
    catalog = ds.dataset(folder / "warehouse/catalog", partitioning="hive").to_table().to_pandas()
    rows = catalog[catalog["model"] == model_id(folder / "models/current")]
    is_training = rows["flags"] & (1 << FLAG_BITS["IN_TRAINING"]) != 0
    assert is_training.any()
    assert is_training.tolist() == rows["object_id"].isin(learned).tolist()
    exported = pd.read_csv(folder / "export" / "catalog.csv")
    assert not exported["object_id"].isin(learned).any()


def test_each_target_of_make_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+)[a-z ]*:", (ROOT / "Makefile").read_text(), flags=re.M))
    targets |= set(re.findall(r"^run ([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    named = set(re.findall(r"\bmake ([a-z]+)\b", README)) - {"it"}
    assert named <= targets
    assert {"run", "test"} <= named


def test_each_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
