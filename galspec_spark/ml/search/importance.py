"""Importance of features and wavelengths to a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pandas.util import hash_array
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from galspec_spark.ml.classifiers import CLASSIFIERS, random_forest
from galspec_spark.ml.classifiers.kind import Scorer
from galspec_spark.ml.evaluation.decisions import of_agn
from galspec_spark.ml.evaluation.permutation import Numbers, Predict, permutation_importance
from galspec_spark.ml.features.kind import Features
from galspec_spark.ml.search.compare import FeatureSet, Trained
from galspec_spark.ml.search.fits import predictions
from galspec_spark.ml.search.scorecard import features_of
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.spectrum.grid import wavelength
from galspec_spark.spectrum.lines import LINES

#: The classifier whose importances choose the best features, as in the paper.
FOREST = random_forest.KIND.name
#: Test rows that are shuffled; more would add little, and every copy of a row is predicted.
MAX_ROWS = 10_000
#: Peaks nearer to a stronger one than this are part of it (Angstrom).
SEPARATION = 20.0
#: Standard deviation, in pixels, of the smoothing before the peak search: less than a line's.
SMOOTHING = 2.0
#: Lines that a spectrograph, or their own width, blends into one feature.
BLENDS = {
    "[O II]": ("oii_3726", "oii_3729"),
    "Hα + [N II]": ("nii_6548", "h_alpha", "nii_6583"),
    "[S II]": ("sii_6716", "sii_6731"),
}


def elimination(forest: Trained, n_features: int, count: int) -> FeatureSet:
    """Choose features by the forest's importance, and each fold's by the fold's own forest."""

    def best(scorer: Scorer) -> list[int]:
        return most_important(feature_weights(scorer, forest.selected, n_features), count)

    chosen = best(forest.scorer)
    of_fold = [best(scorer) for _, scorer in sorted(forest.trial.scorers.items())]
    return FeatureSet(forest.features.kind, f"best {len(chosen)}", chosen, of_fold)


def importance_of(
    trained: Sequence[Trained], features: Features, test: pa.Table, agn: int, seed: int
) -> dict[str, Any]:
    """Return the importance of features and wavelengths to the classifiers with all features.

    Parameters
    ----------
    trained
        The models of one kind of features.
    agn
        The label of AGN.
    """
    found: dict[str, Any] = {"features": None, "best": None, "permutation": {}, "peaks": {}}
    values, labels = some_rows(test)
    for model in (each for each in trained if each.features.is_all):
        found["permutation"][model.classifier] = permutation_importance(
            predictor(model, agn),
            values[:, model.selected],
            labels == agn,
            model.selected,
            seed=seed,
        )
        by_pixel = by_wavelength(model, features)
        if by_pixel is not None:
            found["peaks"][model.classifier] = line_peaks(wavelength(), by_pixel)
        if model.classifier == FOREST:
            n_features = len(features.names)
            weights = feature_weights(model.scorer, model.selected, n_features)
            found["features"] = weights.tolist()
            found["best"] = trained[-1].features.selected
    return found


def some_rows(test: pa.Table) -> tuple[Doubles, Numbers]:
    """Return features (n, k) and labels (n,) of at most `MAX_ROWS` rows, always the same.

    Parameters
    ----------
    test
        Columns ``spectrum_id``, ``label`` and ``all_features``. Rows are taken in the order of
        their identifiers' hashes.
    """
    hashes = hash_array(test["spectrum_id"].to_numpy())
    chosen = test.take(np.sort(np.argsort(hashes, kind="stable")[:MAX_ROWS]))
    return features_of(chosen), chosen["label"].to_numpy()


def predictor(model: Trained, agn: int) -> Predict:
    """Return what a trained model says of AGN as a function of the features that it uses."""
    params = model.trial.params

    def predict(features: Doubles) -> tuple[Numbers, Numbers]:
        scores = model.scorer.score(features)
        return predictions(scores, params) == agn, of_agn(scores)

    return predict


def by_wavelength(model: Trained, features: Features) -> Doubles | None:
    """Return how much each pixel weighs in a classifier's decision; None where undefined."""
    n_features = len(features.names)
    weights = feature_weights(model.scorer, model.selected, n_features)
    return features.explain(weights, CLASSIFIERS[model.classifier].is_linear)


def most_important(importance: Doubles, count: int) -> list[int]:
    """Return the indices of the greatest importances, greatest first; ties by index."""
    return [int(i) for i in np.argsort(-importance, kind="stable")[:count]]


def feature_weights(scorer: Scorer, selected: Sequence[int], n_features: int) -> Doubles:
    """Return the weight of each feature in a trained classifier, 0 for features not selected.

    Returns
    -------
    float64 (n_features,)
        Coefficients, or importances, which sum to 1.
    """
    weights = np.zeros(n_features)
    weights[list(selected)] = scorer.weights
    return weights


def line_peaks(wavelength: Doubles, importance: Doubles, count: int = 5) -> list[dict[str, Any]]:
    """Return the strongest peaks of an importance above its mean, and the line nearest to each.

    Parameters
    ----------
    wavelength
        Wavelengths of the pixels, rising, in Angstrom (rest frame, vacuum).
    importance
        Importance of each pixel, not negative.

    Returns
    -------
    list of dict
        Strongest first, at most `count`: ``wavelength`` of the peak, its ``importance`` after a
        light smoothing, the label of the nearest ``line`` or blend, and the ``distance`` to that
        line, or to the nearest of the blend, in Angstrom.
    """
    smoothed = gaussian_filter1d(np.asarray(importance, np.float64), SMOOTHING, mode="nearest")
    candidates, _ = find_peaks(smoothed, height=smoothed.mean())
    chosen: list[int] = []
    for pixel in candidates[np.argsort(-smoothed[candidates], kind="stable")]:
        if len(chosen) == count:
            break
        if all(abs(wavelength[pixel] - wavelength[other]) >= SEPARATION for other in chosen):
            chosen.append(int(pixel))
    return [
        {
            "wavelength": float(wavelength[pixel]),
            "importance": float(smoothed[pixel]),
            **_nearest_line(wavelength[pixel]),
        }
        for pixel in chosen
    ]


def _nearest_line(wavelength: float) -> dict[str, Any]:
    line = min(LINES, key=lambda line: abs(line.wavelength - wavelength))
    blends = (label for label, members in BLENDS.items() if line.name in members)
    return {
        "line": next(blends, line.label),
        "distance": float(abs(line.wavelength - wavelength)),
    }
