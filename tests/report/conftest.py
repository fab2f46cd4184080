"""A training report of made-up but plausible galaxies: continua, lines, two classes, PCA."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from matplotlib.figure import Figure

from galspec_spark.ml.evaluation.metrics import Metrics
from galspec_spark.report.contents import TrainingReport
from galspec_spark.report.origin import Origin
from galspec_spark.spectrum.grid import GRID_ID, wavelength
from galspec_spark.spectrum.lines import LINES
from tests.report import sample

#: Strengths of the lines (equivalent widths, Angstrom) in the two classes.
STRENGTHS = {
    "AGN": {"oii": 8, "h_beta": 2, "oiii_5007": 9, "oiii_4959": 3, "oi": 1.5, "h_alpha": 12,
            "nii_6583": 13, "nii_6548": 4.3, "sii": 4},
    "other": {"oii": 10, "h_beta": 4, "oiii_5007": 3, "oiii_4959": 1, "oi": 0.5, "h_alpha": 18,
              "nii_6583": 7, "nii_6548": 2.3, "sii": 4},
}  # fmt: skip


def galaxies(kind: str, number: int, rng: np.random.Generator) -> np.ndarray:
    """Return spectra of one class, shape (number, 2642)."""
    grid = wavelength()
    age = rng.uniform(0, 1, (number, 1))
    slope = (grid / 5500.0) ** (0.8 * age - 0.9 * (1 - age))
    steps = 1 - (0.25 + 0.25 * age) / (1 + np.exp((grid - 4000) / 25.0))
    flux = slope * steps
    for centre, width, depth in ((3934.8, 9, 0.4), (3969.6, 9, 0.4), (4305.6, 14, 0.15),
                                 (5176.6, 20, 0.14), (5895.6, 8, 0.12)):  # fmt: skip
        flux *= 1 - depth * age * np.exp(-0.5 * ((grid - centre) / width) ** 2)
    strength = rng.lognormal(-0.4, 0.8, (number, 1)) * (1.1 - age)
    for line in LINES:
        area = next(v for k, v in STRENGTHS[kind].items() if line.name.startswith(k))
        sigma = line.wavelength * 160 / 299792.458
        profile = np.exp(-0.5 * ((grid - line.wavelength) / sigma) ** 2)
        flux += strength * area / (sigma * np.sqrt(2 * np.pi)) * profile
    return flux + rng.normal(0, 0.06, flux.shape)


@pytest.fixture(scope="module", autouse=True)
def figures() -> None:
    """Render figures."""


@pytest.fixture
def coarse_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw small and in no exact layout, which takes most of the time, where the page matters."""

    def small_png(figure: Figure, mark: str = "") -> bytes:
        figure.set_layout_engine("none")
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=20)
        return content.getvalue()

    monkeypatch.setattr("galspec_spark.report.page._png", small_png)


@pytest.fixture
def no_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose the figures without rendering them."""
    monkeypatch.setattr("galspec_spark.report.page._png", lambda *_: b"\x89PNG")


@pytest.fixture(scope="session")
def full_report() -> TrainingReport:
    """A run with everything: three classifiers, twenty components, ten kept."""
    rng = np.random.default_rng(7)
    spectra = np.concatenate([galaxies("AGN", 30, rng), galaxies("other", 150, rng)])
    mean = spectra.mean(axis=0)
    _, singular, vectors = np.linalg.svd(spectra - mean, full_matrices=False)
    components, variance = vectors[:20], (singular**2 / np.sum(singular**2))[:20]
    importance = rng.dirichlet(np.full(20, 0.9))
    best = [int(index) for index in np.argsort(importance)[::-1][:10]]
    results = [
        sample.result("logistic_regression", "all 20", list(range(20)), 14, 6),
        sample.result("logistic_regression", "best 10", best, 13, 6),
        sample.result("linear_svc", "all 20", list(range(20)), 13, 4),
        sample.result("linear_svc", "best 10", best, 12, 5),
        sample.result("random_forest", "all 20", list(range(20)), 11, 3),
        sample.result("random_forest", "best 10", best, 11, 4),
        sample.result("sign_of_margin", "all 1", [0], 19, 1, "formula"),
    ]
    weights = {name: np.abs(rng.normal(size=20) @ components) ** 2 for name in sample.CLASSIFIERS}
    x = np.linspace(0, 1, 60)
    curves = {
        f"{r['kind']}/{r['classifier']}/{r['features']}": {
            "roc": np.stack([x, x ** rng.uniform(0.08, 0.2)]),
            "pr": np.stack([x, 1 - 0.84 * x ** rng.uniform(2, 4)]),
        }
        for r in results
    }
    metrics = {
        "job": "train",
        "version": "0.1.0",
        "run_id": "20260131T120000-1f3a",
        "config_hash": "0123456789ab",
        "grid": GRID_ID,
        "data": "sdss dr14",
        "counts": sample.COUNTS,
        "left_out": {"zwarning": 31, "z_range": 14, "coverage": 11},
        "seconds": {"simulate": 21.0, "ingest": 6.4, "preprocess": 9.8, "features": 4.1,
                    "all features": 83.7, "elimination": 5.2, "evaluation": 3.0},
        "features": {
            "pca": {
                "names": [f"coefficient_{number}" for number in range(1, 21)],
                "seen_by_templates": 0,
                "explained_variance": variance.tolist(),
                "importance": sample.importance(importance.tolist(), best),
                "search": {"all 20": sample.search(20), "best 10": sample.search(10)},
            },
            "formula": {
                "names": ["margin of the formula"],
                "seen_by_templates": 3,
                "explained_variance": [],
                "importance": {"features": None, "best": None, "permutation": {}, "peaks": {}},
                "search": {},
            },
        },
        "bins": sample.bins(len(results)),
        "classes": ["other", "AGN"],
        "results": results,
        "best": 2,
        "majority_f1": 0.7687,
        "label_noise": sample.label_noise(),
    }  # fmt: skip
    return TrainingReport(
        metrics=Metrics.model_validate(metrics),
        wavelength=wavelength(),
        mean_spectrum=mean,
        pixel_kind="pca",
        basis=components,
        class_means={"AGN": spectra[:30].mean(axis=0), "other": spectra[30:].mean(axis=0)},
        wavelength_importance={name: w / w.sum() for name, w in weights.items()},
        curves=curves,
        mistakes=sample.mistakes(),
        origin=Origin("galspec run --input survey", ("survey",), "warehouse"),
    )


@pytest.fixture(scope="session")
def partial_report(full_report: TrainingReport) -> TrainingReport:
    """A run with one classifier, five components, no forest and undefined scores."""
    whole = full_report.metrics
    undefined = {
        "features": "all 5",
        "selected": [0, 1, 2, 3, 4],
        "agn_precision": None,
        "agn_f1": None,
        "roc_auc": None,
        "cv_agn_f1": None,
        "confusion": [[106, 0], [20, 0]],
        "hyperparameters": {},
    }
    changes = {
        "results": [whole.results[0].model_dump() | undefined],
        "best": 0,
        "counts": whole.counts.model_dump()
        | {"files": None, "files_quarantined": None, "selected": 632},
        "left_out": {},
        "seconds": {"features": 0.4},
        "features": {
            "pca": {
                "names": whole.features["pca"].names[:5],
                "seen_by_templates": 0,
                "explained_variance": whole.features["pca"].explained_variance[:5],
                "importance": {"features": None, "best": None, "permutation": {}, "peaks": {}},
                "search": {},
            }
        },
        "bins": {},
        "label_noise": None,
    }
    metrics = Metrics.model_validate(whole.model_dump() | changes)
    return dataclasses.replace(
        full_report,
        metrics=metrics,
        basis=full_report.basis[:5],
        class_means={"other": full_report.class_means["other"]},
        wavelength_importance={},
        curves={},
    )
