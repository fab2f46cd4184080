"""A fourth classifier is in every figure that shows the other three."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from galspec_spark.ml.evaluation.metrics import Metrics
from galspec_spark.report.contents import TrainingReport
from galspec_spark.report.figures import FIGURES
from galspec_spark.report.style import style
from tests.report import sample
from tests.report.reading import words

OLD, NEW = "random_forest", "gbt"
OLD_LABEL, NEW_LABEL = "random forest", "gradient-boosted trees"
#: Figures of the spectra show no classifier.
SHOWN = [name for name, entry in FIGURES.items() if not entry.draw.__module__.endswith("spectra")]
#: What the forest chose is the forest's alone.
OF_THE_FOREST = {"feature_importance"}


@pytest.fixture(scope="module")
def four(full_report: TrainingReport) -> TrainingReport:
    """The full report with boosted trees that did what the forest did."""

    def renamed(one: dict[str, Any]) -> dict[str, Any]:
        return {**one, "classifier": NEW}

    def with_new(found: dict[str, Any]) -> dict[str, Any]:
        new = {key.replace(OLD, NEW): value for key, value in found.items() if OLD in key}
        return {**found, **new}

    metrics = full_report.metrics.model_dump()
    components = metrics["features"]["pca"]
    for found in (metrics, *components["search"].values()):
        name = "results" if found is metrics else "trials"
        found[name] = [*found[name], *(renamed(o) for o in found[name] if o["classifier"] == OLD)]
    for key in ("permutation", "peaks"):
        components["importance"][key] = with_new(components["importance"][key])
    metrics["bins"] = sample.bins(len(metrics["results"]))
    return dataclasses.replace(
        full_report,
        metrics=Metrics.model_validate(metrics),
        wavelength_importance=with_new(full_report.wavelength_importance),
        curves=with_new(full_report.curves),
    )


@pytest.mark.parametrize("name", SHOWN)
def test_it_is_drawn_and_described_like_the_others(four: TrainingReport, name: str) -> None:
    entry = FIGURES[name]
    with style():
        figure = entry.draw(four)
    assert figure is not None
    for text in (words(figure), entry.alt(four)):
        count = text.lower().count(NEW_LABEL)
        expected = 0 if name in OF_THE_FOREST else text.lower().count(OLD_LABEL)
        assert count == expected, text
