"""Measured emission lines as features: strengths, ratios, widths, and the formula's margin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from galspec_spark.ml.features import measured
from galspec_spark.ml.features.inputs import Inputs
from galspec_spark.ml.features.kind import FeatureKind
from galspec_spark.ml.features.measured import FILE, TEMPLATES, Measured, NoSettings
from galspec_spark.spectrum import lines
from galspec_spark.spectrum.arrays import Doubles

#: Lines whose S/N is a feature.
LINES = (
    "oii_3729", "h_beta", "oiii_5007", "oi_6300", "h_alpha", "nii_6583", "sii_6716", "sii_6731",
)  # fmt: skip
#: Ratios of the diagrams that tell AGN from star formation (Baldwin, Phillips and Terlevich 1981,
#: PASP 93, 5; Veilleux and Osterbrock 1987, ApJS 63, 295).
RATIOS = (
    ("oiii_5007", "h_beta"),
    ("nii_6583", "h_alpha"),
    ("sii_6716", "h_alpha"),
    ("oi_6300", "h_alpha"),
)
#: Lines whose equivalent width is a feature.
WIDE = ("h_beta", "oiii_5007", "h_alpha")
#: Widths in km/s: of the stars, of the Balmer lines and of all others.
WIDTHS = {
    "velocity_dispersion": "width of stellar lines",
    "h_alpha_sigma": "width of Balmer lines",
    "oiii_5007_sigma": "width of other lines",
}
MARGIN = "formula_margin"
#: Usual size of a width, in km/s, and greatest width and margin that are told apart.
WIDTH_UNIT, WIDEST, FURTHEST = 100.0, 10.0, 30.0

LABELS = {line.name: line.label for line in lines.LINES}
NAMES = (
    *(f"S/N of {LABELS[line]}" for line in LINES),
    *(f"log {LABELS[above]} / {LABELS[below]}" for above, below in RATIOS),
    *(f"EW of {LABELS[line]}" for line in WIDE),
    *WIDTHS.values(),
    "margin of the formula",
)
COLUMNS = (
    *(f"{line}_{value}" for line in LINES for value in ("area", "area_err")),
    *(f"{line}_ew" for line in WIDE),
    *WIDTHS,
    MARGIN,
)


def compute(inputs: Inputs) -> Doubles:
    """Return the features (n, k), NaN where not measured.

    S/N and equivalent widths (A) are compressed by arcsinh. In a ratio, a line weaker than its
    error counts as strong as that.
    """
    area = inputs.measures([f"{line}_area" for line in LINES])
    error = inputs.measures([f"{line}_area_err" for line in LINES])
    strength = np.log10(np.maximum(area, error))
    above, below = ([LINES.index(pair[i]) for pair in RATIOS] for i in (0, 1))
    widths = inputs.measures(list(WIDTHS)) / WIDTH_UNIT
    return np.hstack(
        [
            np.arcsinh(area / error),
            strength[:, above] - strength[:, below],
            np.arcsinh(inputs.measures([f"{line}_ew" for line in WIDE])),
            np.clip(widths, 0, WIDEST),
            margin(inputs),
        ]
    )


def margin(inputs: Inputs) -> Doubles:
    """Return by how many sigma spectra are AGN by the formula, within FURTHEST, (n, 1)."""
    return np.clip(inputs.measures([MARGIN]), -FURTHEST, FURTHEST)


def of_templates(templates: str) -> Measured:
    """Return the features of lines measured with some templates."""
    return Measured(NAMES, compute, 0.0, templates)


def fit(spark: Any, spectra: Any, settings: NoSettings, folds: int, scratch: Any) -> list[Measured]:
    """Return the features of each fold and of all."""
    return measured.fit(of_templates, spectra, folds)


def read(folder: Path) -> Measured:
    """Read what `Measured.save` wrote."""
    return of_templates((folder / FILE).read_text())


KIND = FeatureKind(
    name="lines",
    label="measures of lines",
    settings=NoSettings,
    count=lambda settings: len(NAMES),
    fit=f"{__name__}.fit",
    read=read,
    line_columns=(*COLUMNS, TEMPLATES),
)
