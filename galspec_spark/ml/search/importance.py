"""Which components, and which wavelengths, a classifier looks at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from galspec_spark.ml.classifiers import CLASSIFIERS, random_forest
from galspec_spark.ml.evaluation.permutation import Numbers, Predict, permutation_importance
from galspec_spark.ml.features.components import Components
from galspec_spark.ml.features.projection import COMPONENTS
from galspec_spark.ml.search.compare import FeatureSet, Trained
from galspec_spark.ml.search.search import decision
from galspec_spark.ml.search.settings import FEATURES
from galspec_spark.spectrum.arrays import Doubles, lists_of, rows_of
from galspec_spark.spectrum.grid import wavelength
from galspec_spark.spectrum.lines import LINES

#: The classifier whose importances choose the best components, as in the paper.
FOREST = random_forest.KIND.name
#: Test rows that are shuffled; more would tell little more, and each is predicted for each copy.
MAX_ROWS = 10_000
#: Peaks nearer to a stronger one than this are part of it (Angstrom).
SEPARATION = 20.0
#: Standard deviation, in pixels, of the smoothing before peaks are looked for: less than a line's.
SMOOTHING = 2.0
#: Lines that a spectrograph, or their own width, blends into one feature.
BLENDS = {
    "[O II]": ("oii_3726", "oii_3729"),
    "Hα + [N II]": ("nii_6548", "h_alpha", "nii_6583"),
    "[S II]": ("sii_6716", "sii_6731"),
}


def elimination(forest: Trained, k: int, count: int) -> FeatureSet:
    """Choose the components by the forest's importance; a fold's by its own forest."""

    def best(model: Any) -> list[int]:
        return best_components(component_weights(FOREST, model, forest.components, k)[0], count)

    chosen = best(forest.model)
    of_fold = [best(model) for _, model in sorted(forest.trial.models.items())]
    return FeatureSet(f"best {len(chosen)}", chosen, of_fold)


def importance_of(
    trained: list[Trained], components: Components, test: DataFrame, seed: int
) -> dict[str, Any]:
    """Return what the classifiers with all components look at: components, and wavelengths."""
    found: dict[str, Any] = {"components": None, "best": None, "permutation": {}, "peaks": {}}
    features, labels = some_rows(test)
    for one in trained:
        if one.features is not trained[0].features:
            continue
        found["permutation"][one.classifier] = permutation_importance(
            predictor(test.sparkSession, one.classifier, one.model),
            features[:, one.components],
            labels,
            one.components,
            seed=seed,
        )
        found["peaks"][one.classifier] = line_peaks(wavelength(), by_wavelength(one, components))
        if one.classifier == FOREST:
            k = len(components.vectors)
            weights, _ = component_weights(FOREST, one.model, one.components, k)
            found["components"] = weights.tolist()
            found["best"] = trained[-1].features.components
    return found


def some_rows(test: DataFrame) -> tuple[Doubles, Numbers]:
    """Return coefficients (n, k) and labels (n,) of at most `MAX_ROWS` rows, always the same.

    Parameters
    ----------
    test
        Columns ``spectrum_id``, ``label`` and ``components`` (vector). Of more rows those are taken
        whose identifiers come first by hash.
    """
    rows = (
        test.orderBy(F.xxhash64("spectrum_id"), "spectrum_id")
        .limit(MAX_ROWS)
        .select(F.col("label").cast("int"), vector_to_array(F.col(COMPONENTS)).alias(COMPONENTS))
        .toArrow()
    )
    features = rows_of(rows[COMPONENTS].combine_chunks()).astype(np.float64)
    return features, rows["label"].to_numpy()


def predictor(spark: SparkSession, classifier: str, model: Any) -> Predict:
    """Return what a fitted Spark model computes as a function of features, a job for each call."""

    def predict(features: Doubles) -> tuple[Numbers, Numbers]:
        rows = spark.createDataFrame(pa.table({FEATURES: lists_of(features)}))
        vectors = rows.select(array_to_vector(F.col(FEATURES)).alias(FEATURES))
        said = model.transform(vectors).select(*decision(classifier)).toArrow()
        return said["prediction"].to_numpy(), said["score"].to_numpy()

    return predict


def by_wavelength(one: Trained, components: Components) -> Doubles:
    """Return how much each pixel weighs in a trained classifier's decision."""
    k = len(components.vectors)
    weights, linear = component_weights(one.classifier, one.model, one.components, k)
    return wavelength_importance(components.vectors, components.explained_variance, weights, linear)


def best_components(importance: Doubles, count: int) -> list[int]:
    """Return the indices of the most important components, most important first; ties by index."""
    return [int(i) for i in np.argsort(-importance, kind="stable")[:count]]


def component_weights(
    classifier: str, model: Any, components: list[int], k: int
) -> tuple[Doubles, bool]:
    """Return what a trained classifier gives each of k components, 0 for those it was not given.

    Returns
    -------
    weights : float64 (k,)
        Coefficients of the raw components, or importances, which sum to 1.
    linear : bool
        Whether they are coefficients.
    """
    kind = CLASSIFIERS[classifier]
    weights = np.zeros(k)
    weights[components] = kind.weights(model)
    return weights, kind.is_linear


def wavelength_importance(
    components: Doubles, variances: Doubles, weights: Doubles, linear: bool
) -> Doubles:
    """Return how much each pixel of a spectrum weighs in the decision; sums to 1.

    Parameters
    ----------
    components
        Unit vectors e_k, shape (k, pixels).
    variances
        Variance v_k of each component's coefficient, in any unit, shape (k,).
    weights, linear
        From `component_weights`.

    Notes
    -----
    A linear model decides by ``sum_k w_k (e_k . flux)``, which is ``(sum_k w_k e_k) . flux``. The
    importance of a pixel is how far it moves the decision when it changes by its own standard
    deviation, ``|sum_k w_k e_k(lambda)| sqrt(sum_k v_k e_k(lambda)^2)``: a large coefficient of a
    pixel that never changes is of no importance. A forest
    has no sign: each component's importance is spread by the share ``e_k(lambda)^2`` that the pixel
    has in it, ``sum_k importance_k e_k(lambda)^2``.
    """
    if linear:
        importance = np.abs(weights @ components) * np.sqrt(variances @ components**2)
    else:
        importance = weights @ components**2
    total = importance.sum()
    # A model that learnt nothing weighs all pixels alike.
    uniform = np.full(components.shape[1], 1 / components.shape[1])
    return importance / total if total > 0 else uniform


def line_peaks(wavelength: Doubles, importance: Doubles, count: int = 5) -> list[dict[str, Any]]:
    """Return the strongest peaks of an importance above its mean, and the line nearest to each.

    Parameters
    ----------
    wavelength
        Of the pixels, rising, in Angstrom (rest frame, vacuum).
    importance
        From `wavelength_importance`; as long.

    Returns
    -------
    list of dict
        The strongest first, at most `count`: ``wavelength`` of the peak, its ``importance`` after a
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
