"""Emission lines: wavelengths, flux ratios, reddening, and their profiles in a spectrum.

Recombination and doublet ratios follow Osterbrock & Ferland (2006): case B at 10^4 K.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from galspec_spark.simulate.dust import cardelli, transmission
from galspec_spark.spectrum.arrays import Array

#: Vacuum wavelengths of the lines, Angstrom.
WAVELENGTHS: dict[str, float] = {
    "oii_3726": 3727.09,
    "oii_3729": 3729.88,
    "h_10": 3798.98,
    "h_9": 3836.48,
    "neiii_3869": 3869.86,
    "h_8": 3890.15,
    "neiii_3968": 3968.59,
    "h_epsilon": 3971.20,
    "h_delta": 4102.89,
    "h_gamma": 4341.68,
    "oiii_4363": 4364.44,
    "hei_4471": 4472.76,
    "heii_4686": 4686.99,
    "h_beta": 4862.68,
    "oiii_4959": 4960.295,
    "oiii_5007": 5008.24,
    "ni_5200": 5201.7,
    "hei_5876": 5877.25,
    "oi_6300": 6302.05,
    "oi_6363": 6365.54,
    "nii_6548": 6549.86,
    "h_alpha": 6564.61,
    "nii_6583": 6585.27,
    "hei_6678": 6679.99,
    "sii_6716": 6718.29,
    "sii_6731": 6732.68,
    "hei_7065": 7067.2,
    "ariii_7136": 7137.76,
    "oii_7320": 7321.5,
    "oii_7330": 7332.2,
    "siii_9069": 9071.1,
}
LINES = tuple(WAVELENGTHS)
#: Hydrogen recombination relative to H beta.
BALMER: dict[str, float] = {
    "h_10": 0.053,
    "h_9": 0.073,
    "h_8": 0.105,
    "h_epsilon": 0.159,
    "h_delta": 0.259,
    "h_gamma": 0.468,
    "h_beta": 1.0,
    "h_alpha": 2.86,
}
#: Lines with a broad component in a broad-line nucleus.
BROAD = ("h_delta", "h_gamma", "h_beta", "h_alpha")


def intrinsic_fluxes(
    log_nii_ha: Array,
    log_oiii_hb: Array,
    log_sii_ha: Array,
    log_oi_ha: Array,
    log_oii_hb: Array,
    log_hei_hb: Array,
    log_heii_hb: Array,
    log_neiii_oiii: Array,
    density: Array,
) -> npt.NDArray[np.float64]:
    """Return the lines' fluxes before dust, relative to H beta, shape (n, len(LINES)).

    Parameters
    ----------
    log_*
        log10 of the ratio of the named lines, doublets of [S II] and [O II] summed, shape (n,).
    density
        Electron density from 0 (low-density limit) to 1 (dense), shape (n,).
    """
    n = len(log_nii_ha)
    flux = dict.fromkeys(LINES, np.zeros(n))
    flux.update({name: np.full(n, ratio) for name, ratio in BALMER.items()})
    flux["nii_6583"] = 2.86 * 10**log_nii_ha
    flux["nii_6548"] = flux["nii_6583"] / 3.05
    flux["oiii_5007"] = 10**log_oiii_hb
    flux["oiii_4959"] = flux["oiii_5007"] / 2.98
    flux["oiii_4363"] = flux["oiii_5007"] * 10 ** (-2.4 + 0.4 * log_oiii_hb)
    sii = 2.86 * 10**log_sii_ha
    ratio = 1.44 - 0.6 * density
    flux["sii_6716"], flux["sii_6731"] = sii * ratio / (1 + ratio), sii / (1 + ratio)
    oii = 10**log_oii_hb
    ratio = 1.47 - 0.6 * density
    flux["oii_3729"], flux["oii_3726"] = oii * ratio / (1 + ratio), oii / (1 + ratio)
    flux["oii_7320"], flux["oii_7330"] = 0.012 * oii, 0.010 * oii
    flux["oi_6300"] = 2.86 * 10**log_oi_ha
    flux["oi_6363"] = flux["oi_6300"] / 3.03
    flux["ni_5200"] = 0.12 * flux["oi_6300"]
    flux["neiii_3869"] = flux["oiii_5007"] * 10**log_neiii_oiii
    flux["neiii_3968"] = 0.30 * flux["neiii_3869"]
    flux["hei_5876"] = 10**log_hei_hb
    for name, relative in (("hei_4471", 0.36), ("hei_6678", 0.28), ("hei_7065", 0.19)):
        flux[name] = relative * flux["hei_5876"]
    flux["heii_4686"] = 10**log_heii_hb
    flux["ariii_7136"] = 0.10 * np.minimum(flux["oiii_5007"], 1.5) + 0.02
    flux["siii_9069"] = 0.25 + 0.05 * flux["oiii_5007"]
    return np.stack([flux[name] for name in LINES], axis=1)


def redden(flux: Array, ebv: Array) -> npt.NDArray[np.float64]:
    """Dim line fluxes (n, len(LINES)) by dust of colour excess `ebv` (n,), relative to H beta."""
    law = cardelli(np.array(list(WAVELENGTHS.values())))
    law = law - law[LINES.index("h_beta")]
    return np.asarray(flux * transmission(law, 3.1 * ebv[:, None]))


def draw(
    spectrum: npt.NDArray[np.float32],
    loglam: Array,
    centre: Array,
    area: Array,
    sigma: Array,
    half_width: int,
) -> None:
    """Add one Gaussian line per spectrum to a batch, in place.

    Parameters
    ----------
    spectrum
        Flux per Angstrom, shape (n, pixels).
    loglam
        log10 of the grid's wavelengths in Angstrom, evenly spaced, shape (pixels,).
    centre, area, sigma
        Observed wavelength in Angstrom, integrated flux, and width in Angstrom, shape (n,).
    half_width
        Pixels drawn on either side of the centre.
    """
    step = loglam[1] - loglam[0]
    at = np.rint((np.log10(centre) - loglam[0]) / step).astype(np.int64)
    rows = np.flatnonzero((area != 0) & (at > -half_width) & (at < len(loglam) + half_width))
    if not len(rows):
        return
    columns = at[rows, None] + np.arange(-half_width, half_width + 1)
    offset = 10.0 ** (loglam[0] + step * columns) - centre[rows, None]
    width = sigma[rows, None]
    profile = area[rows, None] / (np.sqrt(2 * np.pi) * width) * np.exp(-0.5 * (offset / width) ** 2)
    inside = (columns >= 0) & (columns < len(loglam))
    profile[~inside] = 0
    spectrum[rows[:, None], columns.clip(0, len(loglam) - 1)] += profile
