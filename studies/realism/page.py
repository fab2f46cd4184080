"""How like the real ones simulated spectra are: numbers for two sets of galaxies.

Both sets pass the same selection and preprocessing. A principal component analysis of fluxes is
ruled by its few most extreme spectra (in a bright SDSS sample one starburst holds three quarters of
all variance), so the variance is compared without the SET_ASIDE most deviant spectra of each set,
and once with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from galspec_spark.config import PreprocessConfig
from galspec_spark.preprocess.recipe import Recipe
from galspec_spark.spectrum.normalise import normalise
from galspec_spark.spectrum.ragged import ObservedBatch
from galspec_spark.spectrum.restframe import coverage, to_rest_frame

Array = npt.NDArray[Any]

#: Principal components compared.
COMPONENTS = 20
#: Share of each set that is left out of the comparison of variances: the most deviant spectra.
SET_ASIDE = 0.05
#: Other shares, to show how much the choice matters.
OTHER_SHARES = (0.01, 0.02, 0.03, 0.10)
#: Greatest difference of cumulative variance that passes.
TOLERANCE = 0.02
#: Resamplings for the permutation test and the bootstrap.
PERMUTATIONS, BOOTSTRAPS = 499, 20
#: The lines of the BPT plane, as in the tables' columns.
BPT_LINES = ("nii_6583", "h_alpha", "oiii_5007", "h_beta")


@dataclass(frozen=True)
class Sample:
    """Galaxies of one set; arrays have a row for each."""

    flux: npt.NDArray[np.float32]  #: (n, PIXELS) rest frame, median 1, gaps filled with the mean
    z: Array
    sn: Array
    subclass: npt.NDArray[np.str_]
    bpt: Array  #: (n, 2) log [N II]/H alpha, log [O III]/H beta; NaN if a line is below 3 sigma
    width: Array  #: sigma of [N II] in km/s, NaN below 10 sigma
    ew: Array  #: equivalent width of H alpha, A
    observed: pa.Table  #: loglam0, flux and ivar as observed


def make_sample(table: pa.Table, config: PreprocessConfig) -> Sample:
    """Bring a ``spectra`` table of selected galaxies to the form in which sets are compared.

    Rows that cover less than ``coverage_min`` of the window are left out.
    """
    reject = Recipe.of(config).reject("sdss")
    frame = to_rest_frame(ObservedBatch.from_arrow(table), reject)
    flux, _, possible = normalise("median", *frame)
    rows = np.flatnonzero(possible & (coverage(frame.good) >= config.coverage_min))
    flux, good = flux[rows], frame.good[rows]
    mean = np.where(good, flux, 0).sum(axis=0) / np.maximum(good.sum(axis=0), 1)
    table = table.take(pa.array(rows))
    column = {
        name: table[name].to_numpy()
        for line in BPT_LINES
        for name in (f"{line}_area", f"{line}_area_err", f"{line}_sigma", f"{line}_ew")
    }
    strength = {x: column[f"{x}_area"] / column[f"{x}_area_err"] for x in BPT_LINES}
    with np.errstate(invalid="ignore", divide="ignore"):
        detected = np.all([strength[line] > 3 for line in BPT_LINES], axis=0)
        ratios = [
            np.log10(column[f"{top}_area"] / column[f"{bottom}_area"])
            for top, bottom in (("nii_6583", "h_alpha"), ("oiii_5007", "h_beta"))
        ]
        strong = strength["nii_6583"] > 10
    return Sample(
        flux=np.where(good, flux, mean.astype(np.float32)),
        z=table["z"].to_numpy(),
        sn=table["sn_median"].to_numpy(),
        subclass=np.array(table["subclass"].to_pylist(), dtype=str),
        bpt=np.where(detected[:, None], np.stack(ratios, axis=1), np.nan),
        width=np.where(strong, column["nii_6583_sigma"], np.nan),
        ew=column["h_alpha_ew"],
        observed=table.select(["loglam0", "flux", "ivar"]),
    )


def compare(real: Sample, simulated: Sample) -> dict[str, Any]:
    """Return the content of ``realism.json``."""
    size = min(len(real.z), len(simulated.z))
    variance = {}
    for name, aside in (("trimmed", SET_ASIDE), ("all", 0.0)):
        curves = [variance_curve(set_.flux, size, aside) for set_ in (real, simulated)]
        difference = np.abs(curves[0] - curves[1])
        variance[name] = {
            "set_aside": aside,
            "real": curves[0].round(5).tolist(),
            "simulated": curves[1].round(5).tolist(),
            "real_bootstrap_sd": _bootstrap(real.flux, aside).round(5).tolist(),
            "max_difference": round(float(difference.max()), 5),
            "at_component": int(difference.argmax()) + 1,
            "within_tolerance": bool(difference.max() <= TOLERANCE),
        }
    clouds = [bpt_cloud(set_) for set_ in (real, simulated)]
    distance, p_value = energy_test(*clouds)
    return {
        "spectra": {"real": len(real.z), "simulated": len(simulated.z)},
        "cumulative_variance": variance,
        "max_difference_by_set_aside": {
            str(aside): round(_max_difference(real, simulated, size, aside), 5)
            for aside in OTHER_SHARES
        },
        "tolerance": TOLERANCE,
        "bpt": {
            "real": len(clouds[0]),
            "simulated": len(clouds[1]),
            "energy_distance": round(distance, 5),
            "p_value": round(p_value, 4),
        },
        "class_fractions": {
            "real": class_fractions(real),
            "simulated": class_fractions(simulated),
        },
        "median": {
            name: {"z": float(np.median(set_.z)), "sn": float(np.median(set_.sn))}
            for name, set_ in (("real", real), ("simulated", simulated))
        },
    }


def _max_difference(real: Sample, simulated: Sample, size: int, aside: float) -> float:
    curves = [variance_curve(set_.flux, size, aside) for set_ in (real, simulated)]
    return float(np.abs(curves[0] - curves[1]).max())


def variance_curve(flux: npt.NDArray[np.float32], size: int, aside: float) -> Array:
    """Return the cumulative explained variance of COMPONENTS components, shape (COMPONENTS,).

    Noise makes it depend on the number of spectra: a larger set is divided into as many sets of
    `size` as it holds, and their curves are averaged.
    """
    parts = [flux[start : start + size] for start in range(0, len(flux) - size + 1, size)]
    return np.asarray(np.mean([_curve(part, aside) for part in parts], axis=0))


def _curve(flux: npt.NDArray[np.float32], aside: float) -> Array:
    kept = flux[usual(flux, aside)].astype(np.float64)
    kept -= kept.mean(axis=0)
    gram = kept @ kept.T if len(kept) < kept.shape[1] else kept.T @ kept
    eigenvalues = np.linalg.eigvalsh(gram)[::-1]
    return np.asarray(np.cumsum(eigenvalues[:COMPONENTS]) / eigenvalues.sum())


def usual(flux: npt.NDArray[np.float32], aside: float) -> npt.NDArray[np.bool_]:
    """Tell which spectra are not among the share `aside` farthest from the median spectrum."""
    deviation = ((flux - np.median(flux, axis=0)) ** 2).sum(axis=1)
    return np.asarray(deviation <= np.quantile(deviation, 1 - aside))


def _bootstrap(flux: npt.NDArray[np.float32], aside: float) -> Array:
    rng = np.random.default_rng(0)
    draws = [flux[rng.integers(0, len(flux), len(flux))] for _ in range(BOOTSTRAPS)]
    return np.asarray(np.std([_curve(draw, aside) for draw in draws], axis=0))


def bpt_cloud(sample: Sample) -> Array:
    """Return the galaxies with all four lines above 3 sigma, shape (m, 2)."""
    return sample.bpt[np.isfinite(sample.bpt).all(axis=1)]


def energy_test(first: Array, second: Array) -> tuple[float, float]:
    """Return the energy distance of two clouds of points and its permutation p-value.

    Szekely & Rizzo (2013): 2 E|X - Y| - E|X - X'| - E|Y - Y'|, each axis in units of the pooled
    standard deviation. A small p-value says that the clouds differ.
    """
    if min(len(first), len(second)) < 2:
        return float("nan"), float("nan")
    both = np.concatenate([first, second])
    both = both / both.std(axis=0)
    distance = np.sqrt(((both[:, None] - both[None]) ** 2).sum(axis=2))
    rng = np.random.default_rng(0)
    labels = np.arange(len(both)) < len(first)
    draws = np.stack([labels, *(rng.permutation(labels) for _ in range(PERMUTATIONS))])
    share = draws / len(first) - ~draws / len(second)
    energies = -np.einsum("ij,ij->i", share @ distance, share)
    return float(energies[0]), float(np.mean(energies >= energies[0]))


def class_fractions(sample: Sample) -> dict[str, float]:
    """Return the share of each subclass, ``none`` for the blank one."""
    names, counts = np.unique(sample.subclass, return_counts=True)
    return {
        str(name) or "none": round(float(count / len(sample.subclass)), 4)
        for name, count in zip(names, counts, strict=True)
    }
