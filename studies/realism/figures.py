"""Figures of simulated beside real spectra, in the report's style."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galspec_spark.report.style import ACCENT, AGN, INK, MUTED, new_figure
from studies.realism.page import Sample, bpt_cloud

Array = npt.NDArray[Any]

#: Subclasses shown side by side; the first has no line that SDSS could classify.
SHOWN = ("", "BROADLINE", "STARFORMING", "STARBURST", "AGN", "AGN BROADLINE")
COLOURS = {"real": INK, "simulated": ACCENT}


def spectra(real: Sample, simulated: Sample) -> Figure:
    """Draw pairs of spectra as observed, of one subclass and alike in redshift and S/N."""
    pairs = list(_pairs(real, simulated))
    figure = new_figure(0.4 + 1.55 * max(len(pairs), 1))
    grid = figure.subplots(max(len(pairs), 1), 2, squeeze=False)
    for row, (name, i, j) in zip(grid, pairs, strict=False):
        for axes, kind, sample, index in zip(
            row, ("real", "simulated"), (real, simulated), (i, j), strict=True
        ):
            _spectrum(axes, sample, index, COLOURS[kind])
            label = name or "no lines to classify"
            axes.set_title(
                f"{kind}: {label}, z = {sample.z[index]:.3f}, S/N {sample.sn[index]:.0f}"
            )
    for axes in grid[-1]:
        axes.set_xlabel("Observed wavelength (Å, vacuum)")
    return figure


def _pairs(real: Sample, simulated: Sample) -> Iterable[tuple[str, int, int]]:
    """Give, for each subclass, the real galaxy of median S/N and its nearest simulated one."""
    for name in SHOWN:
        ours, theirs = (np.flatnonzero(set_.subclass == name) for set_ in (simulated, real))
        if len(ours) and len(theirs):
            typical = theirs[np.argsort(real.sn[theirs])[len(theirs) // 2]]
            far = np.abs(np.log(simulated.sn[ours] / real.sn[typical]))
            far += 3 * np.abs(np.log(simulated.z[ours] / real.z[typical]))
            yield name, int(typical), int(ours[np.argmin(far)])


def _spectrum(axes: Axes, sample: Sample, index: int, colour: str) -> None:
    row = sample.observed.slice(index, 1)
    flux, ivar = (row[name][0].values.to_numpy() for name in ("flux", "ivar"))
    wave = 10 ** (row["loglam0"][0].as_py() + 1e-4 * np.arange(len(flux)))
    good = ivar > 0
    axes.plot(wave, np.where(good, flux, np.nan), color=colour, linewidth=0.35)
    error = 1 / np.sqrt(np.where(good, ivar, np.nan))
    axes.plot(wave, error, color=AGN, linewidth=0.35)
    axes.set_xlim(3750, 9300)
    axes.set_ylim(0, 1.15 * np.quantile(flux[good], 0.997))


def variance(numbers: dict[str, Any]) -> Figure:
    """Draw the cumulative variance of both sets, and their difference."""
    figure = new_figure(3.4)
    left, right = figure.subplots(1, 2)
    for name, line in (("trimmed", "-"), ("all", ":")):
        part = numbers["cumulative_variance"][name]
        k = np.arange(1, len(part["real"]) + 1)
        for kind, colour in COLOURS.items():
            label = f"{kind}, {1 - part['set_aside']:.0%} of the spectra"
            left.plot(k, part[kind], line, color=colour, marker="o", markersize=2.5, label=label)
        difference = np.subtract(part["simulated"], part["real"])
        scatter = part["real_bootstrap_sd"]
        if name == "trimmed":
            right.errorbar(
                k, difference, scatter, color=INK, marker="o", markersize=3, elinewidth=0.7
            )
    left.set(xlabel="Principal components", ylabel="Cumulative variance", ylim=(None, 1.0))
    left.legend(loc="lower right")
    limit = numbers["tolerance"]
    right.axhspan(-limit, limit, color=ACCENT, alpha=0.12, linewidth=0)
    right.axhline(0, color=MUTED, linewidth=0.7)
    right.set(xlabel="Principal components", ylabel="Simulated − real")
    right.set_title("Bars: scatter of the real curve itself (bootstrap)")
    return figure


def bpt(real: Sample, simulated: Sample) -> Figure:
    """Draw the BPT planes side by side, with as many galaxies in each."""
    figure = new_figure(4.4)
    grid = figure.subplots(1, 2, sharex=True, sharey=True)
    clouds = [bpt_cloud(set_) for set_ in (real, simulated)]
    count = min(map(len, clouds))
    nii = np.linspace(-2, 0.35, 300)
    for axes, (kind, colour), cloud in zip(grid, COLOURS.items(), clouds, strict=True):
        x, y = cloud[:count].T
        axes.scatter(x, y, s=14, color=colour, alpha=0.7, linewidth=0)
        young = nii < -0.02
        axes.plot(nii[young], 0.61 / (nii[young] - 0.05) + 1.30, "--", color=MUTED, linewidth=0.8)
        axes.plot(nii, 0.61 / (nii - 0.47) + 1.19, color=MUTED, linewidth=0.8)
        axes.plot(nii, 0.22 - 1.2 * nii, color=AGN, linewidth=0.8)
        axes.set(xlim=(-2.0, 0.7), ylim=(-1.3, 1.5), xlabel="log [N II]6583 / Hα")
        axes.set_title(f"{kind}: {count} of {len(cloud)} galaxies with all four lines")
    grid[0].set_ylabel("log [O III]5007 / Hβ")
    grid[0].text(-1.25, 1.32, "SDSS: AGN above", color=AGN, fontsize=8, ha="right")
    return figure


def lines(real: Sample, simulated: Sample) -> Figure:
    """Draw the distributions of line widths and of equivalent widths."""
    figure = new_figure(3.2)
    left, right = figure.subplots(1, 2)
    for (kind, colour), sample in zip(COLOURS.items(), (real, simulated), strict=True):
        style: dict[str, Any] = {
            "histtype": "step",
            "density": True,
            "color": colour,
            "label": kind,
        }
        left.hist(sample.width[np.isfinite(sample.width)], np.linspace(0, 600, 31), **style)
        ew = np.log10(np.maximum(sample.ew, 0.1))
        right.hist(ew[np.isfinite(ew)], np.linspace(-1, 3, 33), **style)
    left.set(xlabel="Width of [N II] where above 10 sigma (km/s)", ylabel="Density")
    right.set(xlabel="log EW of Hα (Å; −1 and below together)")
    left.legend()
    return figure
