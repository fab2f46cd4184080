"""What the training report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from galspec_spark.ml.classifiers import CLASSIFIERS

FloatArray = npt.NDArray[np.float64]

#: Stages that a run may time, in order, with the names that people read.
STAGES: dict[str, str] = {
    "simulate": "simulate the survey",
    "ingest": "ingest",
    "preprocess": "preprocess",
    "pca": "principal components",
    "all components": "search and train with all",
    "elimination": "again with the best alone",
    "evaluation": "evaluation",
}


@dataclass(frozen=True)
class TrainingReport:
    """Everything that the figures and the page show of one training run."""

    #: The content of ``metrics.json``.
    metrics: dict[str, Any]
    #: Shape (n,), Angstrom, rest frame, vacuum.
    wavelength: FloatArray
    #: Shape (n,), mean of the training split, in the flux unit of the features.
    mean_spectrum: FloatArray
    #: Shape (k, n), the eigenspectra, one a row.
    components: FloatArray
    #: Mean spectrum of a class in the training split, shape (n,), under "AGN" and "other".
    class_means: dict[str, FloatArray]
    #: By classifier, shape (n,): not negative, sums to 1.
    wavelength_importance: dict[str, FloatArray]
    #: By "classifier/features": "roc" is (2, m) with false and true positive rate, "pr" is (2, m)
    #: with recall and precision.
    curves: dict[str, dict[str, FloatArray]]


def count(metrics: Mapping[str, Any], name: str) -> int | None:
    """Return one of the run's counts; None where the run does not know it."""
    value = (metrics.get("counts") or {}).get(name)
    return None if value is None else int(value)


def title(name: str) -> str:
    """Return the name of a classifier or stage that people read."""
    if name in CLASSIFIERS:
        return CLASSIFIERS[name].label
    return STAGES.get(name) or name.replace("_", " ")


def classifiers(metrics: Mapping[str, Any]) -> list[str]:
    """Return the classifiers that have results, the simplest first."""
    found = list(dict.fromkeys(result["classifier"] for result in metrics.get("results") or []))
    order = list(CLASSIFIERS)
    return sorted(found, key=lambda name: order.index(name) if name in order else len(order))


def feature_sets(metrics: Mapping[str, Any]) -> list[str]:
    """Return the sets of features that have results, all components first."""
    found = dict.fromkeys(result["features"] for result in metrics.get("results") or [])
    return sorted(found, key=lambda name: not name.startswith("all"))


def ordered_results(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the results by classifier, then by set of features."""
    first, second = classifiers(metrics), feature_sets(metrics)
    return sorted(
        metrics.get("results") or [],
        key=lambda result: (first.index(result["classifier"]), second.index(result["features"])),
    )


def with_all_components(metrics: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Return the results with all components by their place in ``results``, ordered."""
    places = {id(result): place for place, result in enumerate(metrics.get("results") or [])}
    return {
        places[id(result)]: result
        for result in ordered_results(metrics)
        if uses_all_components(result)
    }


def uses_all_components(result: Mapping[str, Any]) -> bool:
    """Tell whether a result is of all components, not of the best of them."""
    return str(result["features"]).startswith("all")


def best_result(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the result of the saved model, the one to show first; None if there is none."""
    best = metrics.get("best")
    return None if best is None else dict(metrics["results"][best])


def searched(metrics: Mapping[str, Any]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return the trials of the search by classifier and set of features, all components first."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    search = metrics.get("search") or {}
    for name in classifiers(metrics):
        for features in (each for each in feature_sets(metrics) if each in search):
            trials = [one for one in search[features]["trials"] if one["classifier"] == name]
            if trials:
                found.setdefault(name, {})[features] = trials
    return found


def chosen_trial(trials: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the trial with the best weighted F1; of equals the first, as the search does."""
    return max(trials, key=lambda trial: known(trial["f1"], -np.inf))


def losses(metrics: Mapping[str, Any]) -> dict[str, int]:
    """Return what the run left out, by reason, most frequent first.

    To the reasons that the table gives come the selected spectra without a label and the files
    that could not be read.
    """
    selected, labelled = count(metrics, "selected"), count(metrics, "labelled")
    found = {
        **(metrics.get("left_out") or {}),
        "unlabelled": selected - labelled if selected is not None and labelled is not None else 0,
        "unreadable file": count(metrics, "files_quarantined") or 0,
    }
    return {reason: int(n) for reason, n in sorted(found.items(), key=_most_first) if n}


def _most_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def known(value: float | None, otherwise: float) -> float:
    """Return a number, or `otherwise` where it is None or not finite."""
    return float(value) if value is not None and np.isfinite(value) else otherwise


def decimals(value: float | None, digits: int = 4) -> str:
    """Return a metric as text; a dash where it is not defined."""
    return f"{value:.{digits}f}" if value is not None and np.isfinite(value) else "–"


def interval(scores: Mapping[str, Any] | None, name: str, digits: int = 2) -> str:
    """Return the 95 % interval of a result's score as text; a dash where there is none."""
    ends = ((scores or {}).get("intervals") or {}).get(name)
    return f"{ends[0]:.{digits}f} to {ends[1]:.{digits}f}" if ends else "–"


def integer(value: float | None) -> str:
    """Return a count as text with thousands separated; a dash where it is not known."""
    return f"{int(value):,}" if value is not None and np.isfinite(value) else "–"


def duration(seconds: float | None) -> str:
    """Return a time as text, such as ``0.4 s``, ``38 s``, ``2 min 05 s`` or ``1 h 02 min``."""
    if seconds is None or not np.isfinite(seconds):
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
