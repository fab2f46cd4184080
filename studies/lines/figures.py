"""Fits with their residuals, and the plane that the formula divides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galspec_spark.lines.continuum import fit_continuum
from galspec_spark.lines.formula import DETECTED, FORMULA_LINES, LIMIT, POWER
from galspec_spark.lines.joint_fit import fit_lines
from galspec_spark.lines.linelist import line_lists, reductions_of
from galspec_spark.lines.model import model_flux
from galspec_spark.lines.spectra import Spectra
from galspec_spark.lines.templates import Templates
from galspec_spark.report.style import ACCENT, AGN, FAINT, INK, MUTED, OTHER, new_figure
from galspec_spark.spectrum.grid import LOGLAM_STEP

#: Windows that are drawn: H beta and [O III], H alpha and [N II], in A.
WINDOWS = ((4800.0, 5060.0), (6480.0, 6650.0))


class Drawn(NamedTuple):
    """A spectrum to draw."""

    row: Mapping[str, Any]  #: of the table ``lines``
    spectra: Spectra  #: one
    run2d: str | None


def fits(drawn: Sequence[Drawn], templates: Templates) -> Figure:
    """Draw flux, fit and residual around the lines of the formula, a row for each spectrum."""
    figure = new_figure(2.6 * len(drawn))
    rows = figure.subfigures(len(drawn), 1, squeeze=False)[:, 0]
    for part, one in zip(rows, drawn, strict=True):
        grid = part.subplots(
            2, len(WINDOWS), sharex="col", height_ratios=[3, 1], width_ratios=[1.3, 1]
        )
        lines = line_lists()[reductions_of(one.run2d)]
        continuum = fit_continuum(one.spectra, templates).flux
        model = model_flux(one.spectra, continuum, lines, fit_lines(one.spectra, continuum, lines))[
            0
        ]
        pixels = np.arange(len(model))
        wavelength = 10 ** (one.spectra.loglam0[0] + LOGLAM_STEP * pixels)
        for (top, below), window in zip(grid.T, WINDOWS, strict=True):
            _draw_window(top, below, wavelength, one.spectra, model, continuum[0], window)
        grid[0, 0].set_ylabel("Flux")
        grid[1, 0].set_ylabel("Residual (σ)")
        name, row = one.row["spectrum_id"], one.row
        grid[0, 0].set_title(
            f"{name}, z = {row['z']:.4f}, Hβ S/N {row['h_beta_sn'] or float('nan'):.1f}, "
            f"{row['formula_subclass'] or 'no class'} by the formula"
        )
    for axes in grid[1]:
        axes.set_xlabel("Rest-frame wavelength (Å, vacuum)")
    return figure


def _draw_window(
    top: Axes,
    below: Axes,
    wavelength: np.ndarray,
    spectra: Spectra,
    model: np.ndarray,
    continuum: np.ndarray,
    window: tuple[float, float],
) -> None:
    inside = (wavelength > window[0]) & (wavelength < window[1])
    ivar = spectra.ivar[0]
    good = inside & (ivar > 0)
    flux = np.where(good, spectra.flux[0], np.nan)[inside]
    top.step(wavelength[inside], flux, where="mid", color=MUTED, linewidth=0.8)
    top.plot(wavelength[inside], np.where(continuum != 0, continuum, np.nan)[inside], color=OTHER)
    top.plot(wavelength[inside], model[inside], color=AGN)
    below.step(
        wavelength[inside],
        np.where(good, (spectra.flux[0] - model) * np.sqrt(ivar), np.nan)[inside],
        where="mid",
        color=INK,
        linewidth=0.7,
    )
    below.axhline(0, color=FAINT, zorder=0)
    below.set_ylim(-6, 6)
    top.set_xlim(*window)


def bpt(rows: pa.Table) -> Figure:
    """Draw the plane of the formula by our lines, and by the survey's."""
    figure = new_figure(4.6)
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    for one, prefix, title in zip(
        axes, ("", "survey_"), ("By our lines", "By SDSS's"), strict=True
    ):
        values = {
            line: [rows[f"{prefix}{line}_{value}"].to_numpy() for value in ("area", "area_err")]
            for line in FORMULA_LINES
        }
        with np.errstate(invalid="ignore"):
            seen = np.all([area > DETECTED * err for area, err in values.values()], axis=0)
        h_beta, oiii, h_alpha, nii = (values[line][0][seen] for line in FORMULA_LINES)
        x, y = np.log10(nii / h_alpha), np.log10(oiii / h_beta)
        is_agn = y + POWER * x > LIMIT
        one.plot(x[~is_agn], y[~is_agn], "o", color=ACCENT, markersize=3)
        one.plot(x[is_agn], y[is_agn], "o", color=AGN, markersize=3)
        edge = np.array([-1.5, 0.7])
        one.plot(edge, LIMIT - POWER * edge, color=MUTED, linewidth=0.8)
        one.set_title(f"{title}: {is_agn.sum()} AGN, {(~is_agn).sum()} star-forming")
        one.set_xlabel("log [N II] / Hα")
    axes[0].set_ylabel("log [O III] / Hβ")
    axes[0].set_xlim(-1.5, 0.7)
    axes[0].set_ylim(-1.2, 1.6)
    return figure
