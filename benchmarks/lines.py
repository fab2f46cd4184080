"""Measuring emission lines on one core: all spectra at once, and one by one with pPXF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.measure import measure
from galspec_spark.errors import UserError
from galspec_spark.lines.measures import PIXEL_VELOCITY
from galspec_spark.lines.measures import measure as measure_lines
from galspec_spark.lines.spectra import Spectra
from galspec_spark.lines.templates import Templates, broadened
from galspec_spark.readers import PIXEL_MASKS, read_spectra
from galspec_spark.readers.source import Source
from galspec_spark.spectrum.grid import LOGLAM_STEP
from galspec_spark.spectrum.masks import bit_mask
from galspec_spark.warehouse.storage import Location

#: Spectra that are measured, and of those the ones that the peer measures.
SPECTRA, PEER_SPECTRA = 600, 12
#: Instrument's width in A, for the peer's lines.
FWHM = 2.76


def compare_lines(files: list[str], templates: Templates, repeat: int) -> list[dict[str, Any]]:
    """Measure the same spectra with the same templates in both ways; the reading is not timed.

    Raises
    ------
    UserError
        If pPXF is not installed: its licence is not an open one, so set-up leaves it out.
    """
    try:
        from ppxf.ppxf import ppxf
        from ppxf.ppxf_util import emission_lines
    except ImportError:
        raise UserError(
            "the peer is not there: pip install ppxf (free for non-commercial use)"
        ) from None
    rows = [read_spectra(Source(file, Location(file).read()))[1][0] for file in files[:SPECTRA]]
    spectra, z, run2d = _spectra(rows)
    broadened(templates)  # once for each process

    def peer() -> None:
        for number in range(PEER_SPECTRA):
            _fit_with_ppxf(ppxf, emission_lines, spectra, number, templates)

    with threadpool_limits(1):
        ours = measure("lines", "ours", repeat, lambda: measure_lines(spectra, z, run2d, templates))
        theirs = measure("lines", "pPXF", 1, peer, warm=False)
    return [
        _of_a_spectrum(ours, len(rows)),
        _of_a_spectrum(theirs, PEER_SPECTRA),
    ]


def _of_a_spectrum(result: dict[str, Any], spectra: int) -> dict[str, Any]:
    runs = [seconds / spectra for seconds in result["runs"]]
    work = "measure the lines of a spectrum, one core"
    return {**result, "work": work, "seconds": result["seconds"] / spectra, "runs": runs}


def _spectra(rows: Sequence[dict[str, Any]]) -> tuple[Spectra, Any, Any]:
    longest = max(len(row["flux"]) for row in rows)

    def matrix(name: str) -> Any:
        return np.stack([np.pad(row[name], (0, longest - len(row[name]))) for row in rows])

    z, loglam0 = (np.array([row[name] for row in rows]) for name in ("z", "loglam0"))
    mask = PIXEL_MASKS["sdss"]
    bad_sky = matrix("or_mask") & bit_mask(mask.bad_sky, mask.bits) != 0
    flux, ivar = (matrix(name).astype(np.float64) for name in ("flux", "ivar"))
    run2d = np.array([row["run2d"] for row in rows], object)
    return Spectra.observed(flux, ivar, loglam0, z, bad_sky), z, run2d


def _fit_with_ppxf(
    ppxf: Any, emission_lines: Any, spectra: Spectra, number: int, templates: Templates
) -> None:
    """Fit stars, Balmer lines and other lines together, as pPXF's own examples do."""
    loglam = spectra.loglam0[number] + LOGLAM_STEP * np.arange(spectra.flux.shape[1])
    ends = templates.loglam0, templates.loglam0 + LOGLAM_STEP * templates.vectors.shape[1]
    inside = (loglam > ends[0] + 0.006) & (loglam < ends[1] - 0.006)
    flux, ivar = spectra.flux[number, inside], spectra.ivar[number, inside]
    wavelength = 10 ** loglam[inside]
    of_templates = 10 ** np.arange(ends[0], ends[1] - LOGLAM_STEP / 2, LOGLAM_STEP)
    level = np.median(flux)
    gas, names, _ = emission_lines(
        np.log(of_templates), [wavelength[0], wavelength[-1]], FWHM, tie_balmer=False
    )
    # Its weights are positive, ours have either sign.
    stars = np.concatenate([templates.vectors, -templates.vectors]).T
    component = np.concatenate(
        [np.zeros(stars.shape[1], int), [1 if "H" in name[:2] else 2 for name in names]]
    )
    ppxf(
        np.column_stack([stars / np.abs(stars).max(), gas]),
        flux / level,
        np.where(ivar > 0, 1 / np.sqrt(np.maximum(ivar, 1e-30)), 1e5) / level,
        PIXEL_VELOCITY,
        [[0.0, 150.0]] * 3,
        moments=[2, 2, 2],
        degree=4,
        component=component,
        gas_component=component > 0,
        gas_names=names,
        lam=wavelength,
        lam_temp=of_templates,
        goodpixels=np.flatnonzero(ivar > 0),
        quiet=True,
    )
