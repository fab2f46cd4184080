"""Contents of the training report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.evaluation.metrics import (
    FeatureRecord,
    Metrics,
    Result,
    TrialScores,
)
from galspec_spark.ml.features import FEATURES
from galspec_spark.report.origin import Origin, Simulated

FloatArray = npt.NDArray[np.float64]

#: Stages that a run may time, in order, with the names shown to people.
STAGES: dict[str, str] = {
    "simulate": "simulate the survey",
    "ingest": "ingest",
    "preprocess": "preprocess",
    "measure": "measure the lines",
    "features": "features",
    "all features": "search and train with all",
    "elimination": "again with the best alone",
    "evaluation": "evaluation",
}


#: Marks figures of spectra that the templates of their lines have seen.
MARK = " †"


@dataclass(frozen=True)
class TrainingReport:
    """Everything that the figures and the page show of one training run."""

    metrics: Metrics
    #: Shape (n,), Angstrom, rest frame, vacuum.
    wavelength: FloatArray
    #: Shape (n,), mean of the training split, in the flux unit of the features.
    mean_spectrum: FloatArray
    #: Kind of features that basis and importance in wavelength are of.
    pixel_kind: str
    #: Shape (k, n), the spectrum that each feature stands for; None if undefined.
    basis: FloatArray | None
    #: Mean spectrum of each class in the training split, shape (n,), by name.
    class_means: dict[str, FloatArray]
    #: By classifier, shape (n,): not negative, sums to 1.
    wavelength_importance: dict[str, FloatArray]
    #: By "kind/classifier/features": "roc" is (2, m) with false and true positive rate, "pr" is
    #: (2, m) with recall and precision.
    curves: dict[str, dict[str, FloatArray]]
    #: Rows of `galspec_spark.report.mistakes.MISTAKES`.
    mistakes: pa.Table
    origin: Origin

    @property
    def simulated(self) -> Simulated:
        """How much of the data is simulated."""
        counts = self.metrics.counts
        return Simulated(counts.simulated, counts.spectra)


def title(name: str) -> str:
    """Return the name of a classifier, kind of features or stage as shown to people."""
    if name in FEATURES:
        return FEATURES[name].label
    if name in CLASSIFIERS:
        return CLASSIFIERS[name].label
    return STAGES.get(name) or name.replace("_", " ")


def feature_axis(kind: str) -> str:
    """Return the name of an axis that numbers the features from 1."""
    return f"{FEATURES[kind].label.capitalize()}, by number"


def feature_text(result: Result) -> str:
    """Return a result's set of features in words, for example "best 10 principal components"."""
    label = FEATURES[result.kind].label
    return label if result.features == "all 1" else f"{result.features} {label}"


def marked_text(metrics: Metrics, result: Result) -> str:
    """Return `feature_text`, with MARK where `seen_note` explains it."""
    seen = metrics.features[result.kind].seen_by_templates
    return f"{feature_text(result)}{MARK if seen else ''}"


def seen_note(metrics: Metrics) -> str:
    """Return what MARK means in a run; empty where nothing is marked."""
    seen = max(record.seen_by_templates for record in metrics.features.values())
    if not seen:
        return ""
    return (
        f"{MARK} The templates under these lines learned from {seen:,} of the "
        f"{metrics.counts.test:,} test spectra: expect less of others."
    )


def commonest(metrics: Metrics) -> str:
    """Return the name of the commonest class but AGN in the test split."""
    spectra = {name: metrics.best_result.by_class[name].spectra for name in metrics.classes[:-1]}
    return max(spectra, key=spectra.__getitem__)


def shown_kind(metrics: Metrics) -> str:
    """Return the kind of features that figures show where one kind must do.

    Of the kinds on which most classifiers were compared it is the one with the best
    cross-validated F1 of the AGN class.
    """
    compared = {
        kind: len({result.classifier for result in metrics.results if result.kind == kind})
        for kind in metrics.features
    }
    best = max(metrics.results, key=lambda each: (compared[each.kind], each.cv_agn_f1 or 0.0))
    return best.kind


def shown_record(metrics: Metrics) -> FeatureRecord:
    """Return what was learned with the kind of features that figures show."""
    return metrics.features[shown_kind(metrics)]


def all_results(metrics: Metrics) -> list[Result]:
    """Return all results: by kind of features, classifier and set of features."""
    return [metrics.results[place] for kind in metrics.features for place in _order(metrics, kind)]


def classifiers(metrics: Metrics, kind: str | None = None) -> list[str]:
    """Return the classifiers that were compared on one kind of features, the simplest first.

    Parameters
    ----------
    kind
        Kind of features; by default the one that figures show.
    """
    kind = kind or shown_kind(metrics)
    found = list(
        dict.fromkeys(result.classifier for result in metrics.results if result.kind == kind)
    )
    order = list(CLASSIFIERS)
    return sorted(found, key=lambda name: order.index(name) if name in order else len(order))


def feature_sets(metrics: Metrics, kind: str | None = None) -> list[str]:
    """Return the sets of one kind of features that have results, all features first."""
    kind = kind or shown_kind(metrics)
    found = dict.fromkeys(result.features for result in metrics.results if result.kind == kind)
    return sorted(found, key=lambda name: not has_all_features(name))


def has_all_features(features: str) -> bool:
    """Return whether a set of features holds all features, not only the best."""
    return features.startswith("all")


def ordered_results(metrics: Metrics) -> list[Result]:
    """Return the results with the shown kind of features, by classifier, then by set."""
    return [metrics.results[place] for place in _order(metrics, shown_kind(metrics))]


def with_all_features(metrics: Metrics) -> dict[int, Result]:
    """Return the results with all features of the shown kind, by their index in ``results``."""
    found = {place: metrics.results[place] for place in _order(metrics, shown_kind(metrics))}
    return {place: result for place, result in found.items() if has_all_features(result.features)}


def _order(metrics: Metrics, kind: str) -> list[int]:
    first, second = classifiers(metrics, kind), feature_sets(metrics, kind)
    keys = {
        place: (first.index(result.classifier), second.index(result.features))
        for place, result in enumerate(metrics.results)
        if result.kind == kind
    }
    return sorted(keys, key=keys.__getitem__)


def searched(metrics: Metrics) -> dict[str, dict[str, list[TrialScores]]]:
    """Return the trials of the shown kind's search, by classifier and set, all features first."""
    found: dict[str, dict[str, list[TrialScores]]] = {}
    search = shown_record(metrics).search
    for name in classifiers(metrics):
        for features in (each for each in feature_sets(metrics) if each in search):
            trials = [trial for trial in search[features].trials if trial.classifier == name]
            if trials:
                found.setdefault(name, {})[features] = trials
    return found


def chosen_trial(trials: Sequence[TrialScores]) -> TrialScores:
    """Return the trial with the best weighted F1; of equals the first, as the search does."""
    return max(trials, key=lambda trial: trial.f1)


def feature_label(record: FeatureRecord, index: int) -> str:
    """Return the number of a feature, from 1, where they are ordered by variance; else its name."""
    return str(index + 1) if record.explained_variance else record.names[index]


def losses(metrics: Metrics) -> dict[str, int]:
    """Return the numbers of spectra and files left out, by reason, most frequent first.

    The reasons are the table's own, a missing label (of selected spectra), and an unreadable file.
    """
    counts = metrics.counts
    found = {
        **metrics.left_out,
        "unlabelled": counts.selected - counts.labelled,
        "unreadable file": counts.files_quarantined or 0,
    }
    return {reason: n for reason, n in sorted(found.items(), key=_most_first) if n}


def _most_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]
