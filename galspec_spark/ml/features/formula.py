"""SDSS's formula as a feature of its own: the margin by which a spectrum is AGN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from galspec_spark.ml.classifiers import sign_of_margin
from galspec_spark.ml.features import measured
from galspec_spark.ml.features.kind import FeatureKind
from galspec_spark.ml.features.lines import FURTHEST, MARGIN, NAMES, margin
from galspec_spark.ml.features.measured import FILE, TEMPLATES, Measured, NoSettings


def of_templates(templates: str) -> Measured:
    """Return the margin by lines measured with some templates; without the lines it is no AGN."""
    return Measured(NAMES[-1:], margin, -FURTHEST, templates)


def fit(spark: Any, spectra: Any, settings: NoSettings, folds: int, scratch: Any) -> list[Measured]:
    """Return the margin of each fold and of all."""
    return measured.fit(of_templates, spectra, folds)


def read(folder: Path) -> Measured:
    """Read what `Measured.save` wrote."""
    return of_templates((folder / FILE).read_text())


KIND = FeatureKind(
    name="formula",
    label="margin of the formula",
    settings=NoSettings,
    count=lambda settings: 1,
    fit=f"{__name__}.fit",
    read=read,
    line_columns=(MARGIN, TEMPLATES),
    classifier=sign_of_margin.KIND.name,
)
