"""Hand-written parts of ``metrics.json``: what training says beyond the scores themselves."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from galspec_spark.ml.evaluation.intervals import interval
from galspec_spark.report.mistakes import MISTAKES

CLASSIFIERS = ("logistic_regression", "linear_svc", "random_forest")

#: Scores of a bin or a threshold that the report does not show.
UNSHOWN = {
    "precision": 0.9, "recall": 0.9, "f1": 0.9, "other_precision": 0.95, "other_recall": 0.95,
    "other_f1": 0.95, "agn_precision": 0.5, "accuracy": 0.9, "balanced_accuracy": 0.8, "mcc": 0.6,
}  # fmt: skip

COUNTS = {
    "files": 700, "files_quarantined": 4, "spectra": 696, "simulated": 0, "selected": 640,
    "labelled": 632, "train": 506, "test": 126, "train_agn": 82, "test_agn": 20, "objects": 611,
    "folds": 5,
}  # fmt: skip

#: What a search tried: classifier, origin, settings, weighted F1, F1 of AGN, seconds.
TRIALS = (
    ("logistic_regression", "grid", {"regParam": 0.0}, 0.930, 0.70, 4.0),
    ("logistic_regression", "grid", {"regParam": 0.001}, 0.933, 0.71, 3.0),
    ("logistic_regression", "grid", {"regParam": 0.1}, 0.890, 0.31, 1.5),
    ("logistic_regression", "random", {"regParam": 0.0004}, 0.933, 0.72, 3.8),
    ("linear_svc", "grid", {"regParam": 0.001}, 0.925, 0.66, 8.0),
    ("linear_svc", "grid", {"regParam": 0.01}, 0.928, 0.68, 6.0),
    ("random_forest", "grid", {"maxDepth": 6}, 0.910, 0.55, 12.0),
    ("random_forest", "random", {"maxDepth": 9, "minInstancesPerNode": 3}, 0.915, 0.57, 20.0),
    ("random_forest", "random", {"maxDepth": 4, "minInstancesPerNode": 8}, 0.900, 0.49, 9.6),
)


def search(n_features: int) -> dict[str, Any]:
    """Return a search of three folds."""
    keys = ("classifier", "origin", "chosen", "f1", "agn_f1", "seconds")
    trials = [{**dict(zip(keys, row, strict=True)), "n_features": n_features} for row in TRIALS]
    return {"points": len(trials), "fits": 3 * len(trials), "trials": trials}


def result(
    classifier: str,
    features: str,
    selected: list[int],
    found: int,
    false: int,
    kind: str = "pca",
) -> dict[str, Any]:
    """Return one entry of the results, its scores from its own confusion matrix."""
    agn, other = 20, 106
    matrix = [[other - false, false], [agn - found, found]]
    precision, recall = found / (found + false), found / agn
    f1 = 2 * precision * recall / (precision + recall)
    other_precision, other_recall = (
        matrix[0][0] / (matrix[0][0] + agn - found),
        matrix[0][0] / other,
    )
    other_f1 = 2 * other_precision * other_recall / (other_precision + other_recall)

    def weighted(a: float, o: float) -> float:
        return (agn * a + other * o) / (agn + other)

    return {
        "classifier": classifier,
        "kind": kind,
        "features": features,
        "selected": selected,
        "precision": weighted(precision, other_precision),
        "recall": weighted(recall, other_recall),
        "f1": weighted(f1, other_f1),
        "agn_precision": precision,
        "agn_recall": recall,
        "agn_f1": f1,
        "other_precision": other_precision,
        "other_recall": other_recall,
        "other_f1": other_f1,
        "accuracy": (found + matrix[0][0]) / (agn + other),
        "roc_auc": 0.93,
        "pr_auc": 0.71,
        "confusion": matrix,
        "by_class": {
            "other": {
                "spectra": other,
                "precision": other_precision,
                "recall": other_recall,
                "f1": other_f1,
                "f1_interval": [0.88, 0.97],
            },
            "AGN": {
                "spectra": agn,
                "precision": precision,
                "recall": recall,
                "f1": f1,
                "f1_interval": [f1 - 0.1, f1 + 0.1],
            },
        },
        "hyperparameters": {"regParam": 0.001, "elasticNetParam": 0.5},
        "cv_f1": weighted(f1, other_f1) - 0.004,
        "cv_agn_f1": f1 - 0.02,
        "balanced_accuracy": (recall + other_recall) / 2,
        "mcc": 0.61,
        "cv_mcc": 0.59,
        "intervals": intervals(f1),
        "calibration": calibration(),
        "threshold": threshold(),
        "prediction_sets": prediction_sets(),
        "seconds": {"search": 12.3, "fit": 1.2, "predict": 0.04},
    }


def intervals(f1: float) -> dict[str, list[float] | None]:
    """Return intervals of a result whose AGN class has this F1."""
    return {
        "precision": [0.88, 0.97], "recall": [0.88, 0.96], "f1": [0.8912, 0.9634],
        "agn_precision": None, "agn_recall": [0.5, 0.9], "agn_f1": [f1 - 0.1, f1 + 0.1],
        "balanced_accuracy": [0.71, 0.93], "mcc": [0.444, 0.777],
    }  # fmt: skip


def calibration() -> dict[str, Any]:
    """Return a calibration and how it does in three bins, the last of them all AGN."""
    keys = ("probability", "share", "count", "low", "high")
    rows = ((0.04, 0.05, 101, 0.02, 0.11), (0.45, 0.5, 10, 0.24, 0.76), (0.93, 1.0, 15, 0.80, 1.0))
    return {
        "method": "platt",
        "brier": 0.0553,
        "brier_base_rate": 0.1335,
        "brier_skill": 0.5858,
        "brier_uncalibrated": 0.0601,
        "reliability": [dict(zip(keys, row, strict=True)) for row in rows],
    }


def threshold() -> dict[str, Any]:
    """Return a threshold, what was expected of it, and what it reached on the test split."""
    test = {"agn_precision": 0.8235, "agn_recall": 0.6363, "agn_f1": 0.7179, "mcc": 0.6881}
    ends = dict.fromkeys(intervals(0.5), None)
    return {
        "probability": 0.3217,
        "confusion": [[103, 3], [6, 14]],
        "precision": 0.79,
        "recall": 0.71,
        "f1": 0.7479,
        "reached": True,
        "test": UNSHOWN | test,
        "intervals": ends | {"agn_f1": [0.583, 0.847]},
    }


def prediction_sets() -> dict[str, Any]:
    """Return sets by class that cover both alike, and marginal ones that miss AGN."""
    return {
        **coverage(97, 106, 18, 20, 1.1429),
        "level": 0.9,
        "of_class": [
            {"count": 424, "limit": 0.4127, "edges": [12.1], "limits": [0.47, 0.35]},
            {"count": 82, "limit": 0.7321, "edges": [], "limits": [0.7321]},
        ],
        "sets": {"empty": 3, "other": 88, "AGN": 14, "other|AGN": 21},
        "sn_median": [
            {**coverage(50, 56, 10, 10, 1.2), "low": 3.21, "high": 12.0},
            {**coverage(47, 50, 0, 0, 1.1), "low": 12.0, "high": 41.4},
            {**coverage(0, 0, 8, 10, 1.5), "low": None, "high": None},
        ],
        "marginal": coverage(104, 106, 11, 20, 1.0317),
    }


def coverage(
    other_covered: int, others: int, agn_covered: int, agn: int, size: float
) -> dict[str, Any]:
    """Return the coverage of both classes, with Wilson's intervals, and the size of the sets."""
    numbers = {"other": (other_covered, others), "agn": (agn_covered, agn)}
    found = {
        name: {
            "spectra": spectra,
            "covered": covered,
            "share": covered / spectra if spectra else None,
            "interval": interval(covered, spectra),
        }
        for name, (covered, spectra) in numbers.items()
    }
    return {**found, "mean_size": size}


def label_noise() -> dict[str, Any]:
    """Return pairs of observations, of which most agree."""
    keys = ("low", "high", "pairs", "same", "predicted")

    def agreement(rows: tuple[tuple[float | None, ...], ...]) -> list[dict[str, Any]]:
        found = [dict(zip(keys, row, strict=True)) for row in rows]
        return [
            {**each, "share": each["same"] / each["pairs"],
             "interval": interval(each["same"], each["pairs"])}
            for each in found
        ]  # fmt: skip

    return {
        "pairs": 60, "same": 55, "with_agn": 9, "both_agn": 4, "predicted": 0.94,
        "by_survival": agreement(((0.5, 0.7, 8, 5, 0.61), (0.99, None, 52, 50, 0.999))),
        "by_h_beta_sn": agreement(((None, 0.0, 40, 40, 0.99), (3.0, 4.0, 20, 15, 0.8))),
    }  # fmt: skip


def bins(models: int) -> dict[str, Any]:
    """Return scores of models in three bins: without AGN, and last without a redshift."""
    no_agn = UNSHOWN | {
        "agn_recall": None, "agn_f1": None, "agn_recall_interval": None, "agn_f1_interval": None,
    }  # fmt: skip
    scores = UNSHOWN | {
        "agn_recall": 0.62, "agn_recall_interval": [0.41, 0.80],
        "agn_f1": 0.66, "agn_f1_interval": [0.48, 0.80],
    }  # fmt: skip
    found = [
        {"low": low, "high": high, "count": count, "agn": agn}
        | {f"prediction_{i}": scores if agn else no_agn for i in range(models)}
        for low, high, count, agn in (
            (0.0123, 0.06, 60, 12), (0.06, 0.291, 60, 0), (None, None, 9, 8)
        )
    ]  # fmt: skip
    return {"z": found, "sn_median": found[:2]}


def permutation(n_features: int) -> list[dict[str, float]]:
    """Return drops that grow less with the number of the feature, and one below 0."""
    return [
        {
            "feature": index,
            "f1_drop": 0.2 / (1 + index) - 0.02,
            "f1_sd": 0.01,
            "pr_auc_drop": 0.4 / (1 + index),
            "pr_auc_sd": 0.02,
        }
        for index in range(n_features)
    ]


def importance(features: list[float], best: list[int]) -> dict[str, Any]:
    """Return what three classifiers look at."""
    return {
        "features": features,
        "best": best,
        "permutation": {name: permutation(len(features)) for name in CLASSIFIERS},
        "peaks": {name: peaks() for name in CLASSIFIERS},
    }


def peaks() -> list[dict[str, Any]]:
    """Return peaks: two of one blend, one line, and one that no line is near."""
    keys = ("wavelength", "importance", "line", "distance")
    rows = (
        (6564.5, 0.03, "Hα + [N II]", 0.1),
        (5008.4, 0.02, "[O III]5007", 0.2),
        (6585.7, 0.01, "Hα + [N II]", 0.4),
        (5500.0, 0.004, "[O III]5007", 491.8),
    )
    return [dict(zip(keys, row, strict=True)) for row in rows]


def mistakes() -> pa.Table:
    """Return nine AGN missed and three others called AGN, as of `result` with eleven found."""
    names = [*("missed",) * 9, *("wrongly called AGN",) * 3]
    rows = [
        {
            "spectrum_id": f"sdss-dr14-0266-51630-{place:04d}",
            "model": "random forest, all 20 principal components",
            "mistake": name,
            "label": "AGN" if name == "missed" else "other",
            "called": "other" if name == "missed" else "AGN",
            "probability": 0.05 * place,
            "called_at_threshold": "AGN" if place > 6 else "other",
            "formula_margin": None if place == 3 else 1.5 - place,
            "z": 0.1,
            "sn_median": 12.34,
        }
        for place, name in enumerate(names)
    ]
    return pa.Table.from_pylist(rows, MISTAKES)
