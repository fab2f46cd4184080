"""One spectrum at rest, with its noise, its lines and what a model makes of it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from galspec_spark.api.model import Model
from galspec_spark.api.spectra import Spectrum, rest_frame
from galspec_spark.report.style import (
    ACCENT,
    FAINT,
    INK,
    WIDTH,
    Named,
    name_lines,
    style,
    wavelength_axis,
)
from galspec_spark.spectrum.arrays import Floats
from galspec_spark.spectrum.grid import wavelength
from galspec_spark.spectrum.normalise import normalise

HEIGHT = 3.6  #: inches
#: Share of the pixels that the flux axis leaves out at either end: cosmic rays, sky.
OUTSIDE = 0.002


def plot(spectrum: Spectrum, model: Model | None = None) -> Axes:
    """Draw a spectrum in a new figure.

    Parameters
    ----------
    model
        Its class and probability go into the title, its reconstruction over the spectrum where its
        features have one. The flux is then normalised as the model had it.

    Returns
    -------
    Axes
        Of a figure of pyplot, so that a notebook shows it.

    Raises
    ------
    UserError
        If the spectrum has no redshift above -1.
    """
    flux, ivar, good = rest_frame(spectrum, None if model is None else model.bundle.preprocess)
    unit = f"Flux ({spectrum.flux.unit:unicode})" if str(spectrum.flux.unit) else "Flux (relative)"
    if model is not None:
        flux, ivar, _ = normalise(model.bundle.preprocess.normalise, flux, ivar, good)
        unit = "Flux (normalised)"
    with style():
        figure = plt.figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        axes = figure.subplots()
        _draw(axes, flux[0], ivar[0], good[0])
        axes.set_ylabel(unit)
        axes.set_title(_title(spectrum), pad=46)
        if model is not None:
            _draw_model(axes, spectrum, model)
        wavelength_axis(axes, wavelength())
        name_lines(figure, Named(axes))
    return axes


def _draw(axes: Axes, flux: Floats, ivar: Floats, good: Floats) -> None:
    shown = np.where(good, flux, np.nan)
    with np.errstate(divide="ignore"):
        noise = np.where(good, 1 / np.sqrt(ivar), np.nan)
    axes.fill_between(
        wavelength(), shown - noise, shown + noise, color=FAINT, linewidth=0, label="±1 σ"
    )
    axes.plot(wavelength(), shown, color=INK, linewidth=0.7, label="spectrum")
    if good.any():
        low, high = np.nanquantile(shown, [OUTSIDE, 1 - OUTSIDE])
        margin = 0.15 * (high - low) or 1.0
        axes.set_ylim(low - margin, high + margin)


def _draw_model(axes: Axes, spectrum: Spectrum, model: Model) -> None:
    (row,) = model.score(spectrum).to_dict("records")
    reconstruction = model.reconstruct(spectrum)
    if reconstruction is not None:
        axes.plot(wavelength(), reconstruction, color=ACCENT, label="model's reconstruction")
    axes.legend(loc="best")
    says = (
        f"left out: {row['reason']}"
        if row["reason"]
        else f"probability of AGN {row['probability']:.2f}"
    )
    axes.set_title(f"{_title(spectrum)}: {row['class']}, {says}", pad=46)


def _title(spectrum: Spectrum) -> str:
    return f"{spectrum.spectrum_id}, z = {spectrum.z:.4f}"
