"""The figures of the report of a release: how each is drawn, and how to read it."""

from __future__ import annotations

from galspec_spark.report import drift
from galspec_spark.report.page import FigureEntry
from galspec_spark.report.release.bpt_figure import bpt, describe_bpt
from galspec_spark.report.release.contents import ReleaseReport
from galspec_spark.report.release.histograms import (
    describe_probabilities,
    describe_redshift_and_sn,
    probabilities,
    redshift_and_sn,
)
from galspec_spark.report.release.outliers_figure import describe_outliers, outliers
from galspec_spark.report.release.sky import describe_sky, sky

#: By file name, in the order of the report.
FIGURES: dict[str, FigureEntry[ReleaseReport]] = {
    "probabilities": FigureEntry(
        probabilities,
        describe_probabilities,
        "Of all spectra that are given a probability of 0.7, seven in ten should be AGN, where "
        "the release is like the training set. Those that abstain have a probability too, which "
        "should not be trusted. Below ten the scale is linear, above it is logarithmic.",
    ),
    "sky": FigureEntry(
        sky,
        describe_sky,
        "Right ascension grows to the left, 180° is in the middle; Mollweide's projection, equal "
        "areas. Dashed: the plane of the Galaxy.",
    ),
    "redshift_and_sn": FigureEntry(
        redshift_and_sn,
        describe_redshift_and_sn,
        "The first and the last bin hold what lies beyond as well. Below ten the scale of the "
        "counts is linear, above it is logarithmic. Bars are 95 % intervals (Wilson's).",
    ),
    "bpt": FigureEntry(
        bpt,
        describe_bpt,
        "The survey's own fits of the lines, each above three times its error. A model of "
        "whole spectra was shown no line ratio: where its colours follow the line, it found in "
        "them what the label was made from. Pale: one or two spectra. Kewley's curve is the limit "
        "of pure starbursts, Kauffmann's that of observed star-forming galaxies.",
    ),
    "drift": FigureEntry(
        lambda report: drift.drift_figure(report.drift),
        lambda report: drift.alternative(report.drift),
        "Left: every distance as a multiple of its limit; beyond the dashed line, and in crimson, "
        "the release has drifted. Right: the distributions that are nearest to their limit or "
        "furthest beyond, at the percentiles of the training set.",
    ),
    "outliers": FigureEntry(
        outliers,
        describe_outliers,
        "Dark: the spectrum in the rest frame, with gaps where it has no information. Crimson: "
        "what the model's features make of it; below, the spectrum less that. The strongest "
        "spikes are cut. An outlier may be "
        "a rare object, a wrong redshift, or a fault of the instrument.",
    ),
}
