"""The demonstration of gaps, small: blue ends are hidden in spectra whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.metrics import f1_score

from galspec_spark.config import Config
from galspec_spark.errors import UserError
from galspec_spark.spectrum.arrays import lists_of
from galspec_spark.spectrum.grid import PIXELS
from galspec_spark.warehouse.tables import Warehouse
from studies.gaps import gaps as module
from studies.gaps.gaps import REMEDIES, gaps
from studies.gaps.page import effects, table, with_scores
from tests.ml.low_rank import ordinary
from tests.ml.synthetic import restframe, write_warehouse

CONFIG = Config.model_validate(
    {"train": {"features": {"pca": {"n_components": 5, "em_passes": 3}}, "n_best": 3}}
)


def warehouse(root: Path, n: int = 140) -> Warehouse:
    """Return spectra with ivar of their noise, without the first pixels in one of ten."""
    rows = restframe(n)
    ivar = np.full((n, PIXELS), 100, np.float32)
    ivar[::10, :200] = 0
    fold = pc.bit_wise_and(rows["fold"], 1)  # two are enough
    for name, column in {"ivar": lists_of(ivar), "fold": fold}.items():
        rows = rows.set_column(rows.column_names.index(name), name, column)
    return Warehouse(write_warehouse(root, rows))


@pytest.fixture(scope="module")
def numbers(spark, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gaps")
    run = module.Run.start("gaps", CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ENDS", (4100.0,))
        patch.delitem(REMEDIES, "masked")
        summary = gaps(spark, run, warehouse(folder / "warehouse"), folder / "output")
    found = json.loads((folder / "output" / "gaps.json").read_text())
    return found, summary, folder / "output"


def test_everything_is_written(numbers):
    found, summary, output = numbers
    assert summary["spectra"] == found["spectra"] == 114  # 126 are used, of which 12 have gaps
    assert 40 < found["hidden"] < 75
    assert found["natural"]["spectra"] == 126
    assert found["natural"]["missing"] == pytest.approx(12 / 126 * 200 / PIXELS)
    page = (output / "gaps.md").read_text()
    assert page == table(found)
    assert page.count("| below 4100 Å |") == page.count("| as observed |") == 3
    assert (output / "gaps.png").stat().st_size > 50_000
    assert not list(output.glob(".scratch*"))


def test_remedies_bring_the_truth_back(numbers):
    complete, *results = numbers[0]["results"]
    assert complete["remedy"] is None
    assert complete["agn_f1_change"] == [0, 0]
    errors = {result["remedy"]: np.array(result["rms"]) for result in results}
    assert list(errors) == ["mean", "mask", "ivar"]
    assert errors["mean"][0] > 0.3
    for remedy in ("mask", "ivar"):
        assert errors[remedy][0] < 0.2 * errors["mean"][0]
    captured = {result["remedy"]: result["captured"] for result in results}
    assert captured["mean"] < captured["mask"] < 1.001


def test_scores_come_with_their_errors(numbers):
    for result in [*numbers[0]["results"], *numbers[0]["natural"]["results"]]:
        assert 0 < result["agn_f1"][0] <= 1
        assert 0 <= result["agn_f1"][1] < 0.2
        assert result["f1"][0] > 0.5


def test_too_few_spectra(spark, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LEAST", 1000)
    run = module.Run.start("gaps", CONFIG)
    with pytest.raises(
        UserError, match=r"114 spectra of .* have all pixels below 4400 A: 1000 are"
    ):
        gaps(spark, run, warehouse(tmp_path), tmp_path / "output")


def test_effects_against_numpy():
    random = np.random.default_rng(1)
    complete = random.normal(size=(40, 30)) * np.linspace(3, 1, 30) + 5
    truth, used = ordinary(complete, 3), ordinary(complete[:20], 3)
    hidden = np.arange(40) < 20
    filled = np.where(hidden[:, None], complete + random.normal(size=(40, 30)), complete)
    found = effects(truth, used, complete, filled, hidden)
    spread = (complete @ truth.vectors.T).std(axis=0)
    errors = ((filled - complete) @ truth.vectors.T)[:20] / spread
    np.testing.assert_allclose(found["rms"], np.linalg.norm(errors, axis=0) / np.sqrt(20))
    np.testing.assert_allclose(found["typical"], 1.4826 * np.median(np.abs(errors), axis=0))
    outside = truth.vectors - truth.vectors @ used.vectors.T @ used.vectors
    sines = np.linalg.norm(outside, axis=1)
    np.testing.assert_allclose(np.sin(np.radians(found["angles"])), sines, atol=1e-9)
    own = effects(truth, truth, complete, complete, hidden)
    assert own["captured"] == 1
    assert max(own["rms"]) == 0
    assert list(own["subspace_angles"]) == []  # there are fewer than five


def test_scores_against_scikit_learn():
    random = np.random.default_rng(2)
    labels = (random.random(300) < 0.3).astype(np.int32)
    objects = random.integers(0, 2**60, 300)
    predictions = [labels ^ (random.random(300) < error) for error in (0.1, 0.2)]
    results: list[dict] = [{}, {}]
    with_scores(results, [p.astype(np.int32) for p in predictions], labels, objects)
    for result, predicted in zip(results, predictions, strict=True):
        assert result["agn_f1"][0] == pytest.approx(f1_score(labels, predicted))
        assert result["f1"][0] == pytest.approx(f1_score(labels, predicted, average="weighted"))
        drawn = [
            f1_score(labels[rows], predicted[rows]) for rows in random.integers(0, 300, (200, 300))
        ]
        assert result["agn_f1"][1] == pytest.approx(np.std(drawn), rel=0.25)
    change = results[1]["agn_f1"][0] - results[0]["agn_f1"][0]
    assert results[1]["agn_f1_change"][0] == pytest.approx(change)


def test_hidden_pixels_get_the_mean_of_the_others():
    flux = np.arange(12, dtype=np.float32).reshape(3, 4)
    sample = module.Sample(pa.table({}), flux, np.ones_like(flux))
    gap = np.array([[True, False, False, False]] * 2 + [[False] * 4])
    incomplete = sample.hide(gap)
    np.testing.assert_array_equal(incomplete.ivar == 0, gap)
    np.testing.assert_array_equal(incomplete.flux[:, 0], [8, 8, 8])
    np.testing.assert_array_equal(incomplete.flux[:, 1:], flux[:, 1:])
    assert incomplete.flux.dtype == incomplete.ivar.dtype == np.float32
