"""The numbers of what gaps do: errors of coefficients, angles of components, scores, a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.linalg import subspace_angles

from galspec_spark.ml.evaluation.bootstrap import replicate_confusions
from galspec_spark.ml.evaluation.scores import confusion, score_arrays
from galspec_spark.ml.features.components import Components
from galspec_spark.spectrum.arrays import Doubles, Floats

#: Subspaces of so many leading components are compared.
LEADING = (5, 10, 20)
SCORES = ("f1", "agn_f1")
REPLICATES = 1000
#: A normal distribution's standard deviation over its median absolute deviation.
NORMAL = 1.4826

#: What is done about gaps, from the least to the most.
REMEDIES = {
    "mean": "mean spectrum",
    "masked": "masked projection",
    "mask": "masked projection, mask-aware components",
    "ivar": "masked projection, ivar-weighted components",
}


def effects(
    truth: Components,
    used: Components,
    complete: Floats,
    filled: Floats,
    hidden: npt.NDArray[np.bool_],
) -> dict[str, Any]:
    """Compare components and coefficients with those of complete spectra.

    Parameters
    ----------
    truth, used
        Components of the complete spectra, and of those with gaps.
    complete, filled
        What the spectra are, and what they are taken for, shape (n, pixels).
    hidden
        Which of them have a gap, shape (n,): the errors are theirs.

    Returns
    -------
    dict
        ``rms`` and ``typical`` (median absolute, scaled to a normal distribution's standard
        deviation): the error of each coefficient under the true components, in units of its
        standard deviation over all spectra. ``own_rms``: the same under the components used.
        ``angles``: of each true vector to the subspace used, in degrees. ``subspace_angles``: the
        largest between the subspaces of the leading vectors, for each number of them that there is.
        ``captured``: the variance within the subspace used over that within the true one.
    """
    difference = filled[hidden].astype(np.float64) - complete[hidden]
    true_spread, own_spread = (_spread(complete, each.vectors) for each in (truth, used))
    errors = difference @ truth.vectors.T / true_spread
    inside = np.linalg.norm(truth.vectors @ used.vectors.T, axis=1)
    return {
        "rms": _root_mean_square(errors, 0).tolist(),
        "typical": (NORMAL * np.median(np.abs(errors), axis=0)).tolist(),
        "own_rms": (_root_mean_square(difference @ used.vectors.T, 0) / own_spread).tolist(),
        "angles": np.degrees(np.arccos(np.minimum(inside, 1))).tolist(),
        "subspace_angles": {
            str(k): _largest_angle(truth.vectors[:k], used.vectors[:k])
            for k in LEADING
            if k <= len(truth.vectors)
        },
        "captured": float((own_spread**2).sum() / (true_spread**2).sum()),
    }


def with_scores(
    results: Sequence[dict[str, Any]],
    predictions: Sequence[npt.NDArray[np.int32]],
    labels: npt.NDArray[np.int32],
    objects: npt.NDArray[np.int64],
) -> None:
    """Add scores to results, with standard errors by a bootstrap over objects.

    Each score is a pair, value and standard error. ``agn_f1_change`` compares with the first
    result, on the same objects in each replicate.

    Parameters
    ----------
    predictions
        Of each result, shape (n,), as are the labels and the objects' hashes.
    """
    decisions = {str(number): predicted for number, predicted in enumerate(predictions)}
    matrices = replicate_confusions(pa.array(objects), labels, decisions, 2, REPLICATES, seed=1)
    drawn = score_arrays(np.array(list(matrices.values())))
    found = score_arrays(np.array([confusion(labels, predicted, 2) for predicted in predictions]))
    for index, result in enumerate(results):
        for name in SCORES:
            result[name] = _pair(found[name][index], drawn[name][index])
        change = drawn["agn_f1"][index] - drawn["agn_f1"][0]
        result["agn_f1_change"] = _pair(found["agn_f1"][index] - found["agn_f1"][0], change)


def table(numbers: Mapping[str, Any]) -> str:
    """Return the Markdown page of ``gaps.json``."""
    errors = ["RMS error", "Typical error"]
    angles = [f"Angle of {k}" for k in LEADING]
    header = ["Hidden", "Remedy", *errors, *angles, "AGN F1", "Change", "Weighted F1"]
    natural = numbers["natural"]
    lines = [
        f"{numbers['spectra']} spectra ({numbers['agn']} AGN) have a complete blue end; "
        f"{numbers['hidden']} of them lose it. {numbers['components']} components, "
        f"{numbers['passes']} passes. Errors of coefficients are in units of their standard "
        "deviation, root mean square over the components: of all spectra, and typical ones (by the "
        "median, so that outliers do not count). Angles are the largest between the subspaces of "
        "so many leading components. Scores are of logistic regression, cross-validated, with "
        "their standard error over objects; the change is that from complete spectra.",
        "",
        _row(header),
        "|" + "---|" * len(header),
        *(_row(_cells(result)) for result in numbers["results"]),
        "",
        f"All {natural['spectra']} spectra ({natural['agn']} AGN) with the gaps they came with, "
        f"{natural['missing']:.1%} of the pixels; the change is that from the mean spectrum.",
        "",
        _row(header),
        "|" + "---|" * len(header),
        *(_row(_cells(result)) for result in natural["results"]),
    ]
    return "\n".join(lines) + "\n"


def _cells(result: Mapping[str, Any]) -> list[str]:
    """Return the cells of one result; a dash where complete spectra have no figure."""
    errors, angles = ["–", "–"], ["–"] * len(LEADING)
    if "rms" in result:
        errors = [f"{_root_mean_square(np.array(result[key])):.2f}" for key in ("rms", "typical")]
        found = result["subspace_angles"]
        angles = [f"{found[str(k)]:.0f}°" if str(k) in found else "–" for k in LEADING]
    scores = [result[name] for name in ("agn_f1", "agn_f1_change", "f1")]
    shown = [f"{value:.3f} ± {error:.3f}" for value, error in scores]
    return [result["hidden"], REMEDIES.get(result["remedy"], "–"), *errors, *angles, *shown]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _spread(spectra: Floats, vectors: Doubles) -> Doubles:
    """Return the standard deviation of each coefficient."""
    return np.asarray((spectra.astype(np.float64) @ vectors.T).std(axis=0))


def _root_mean_square(values: Doubles, axis: int | None = None) -> Doubles:
    return np.asarray(np.sqrt((values**2).mean(axis=axis)))


def _largest_angle(first: Doubles, second: Doubles) -> float:
    return float(np.degrees(subspace_angles(first.T, second.T)[0]))


def _pair(value: float, replicates: Doubles) -> list[float]:
    return [float(np.nan_to_num(value)), float(np.nanstd(replicates))]
