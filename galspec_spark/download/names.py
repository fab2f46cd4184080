"""Names that SDSS's archive gives to plates, fields and spectra, by the version of the reduction.

They follow ``sdss_access`` (``isplate``, ``pad_fieldid``, ``fieldgrp``, ``sptypefolder``).
"""

from __future__ import annotations

import re

RUN2D = re.compile(r"\d+|v[1-6]_\d+_\d+", re.ASCII)


def is_sdss_v(run2d: str) -> bool:
    """Tell whether a reduction is SDSS-V's: fields replace plates, and targets fibres."""
    return run2d.startswith("v6_")


def plate_name(run2d: str, plate: int) -> str:
    """Return a plate, or an SDSS-V field, as the names of files have it."""
    if _is_dr18(run2d):
        return str(plate)
    return f"{plate:06d}" if is_sdss_v(run2d) else f"{plate:04d}"


def spectra_folder(run2d: str, kind: str, plate: int) -> str:
    """Return the folder of a plate's spec files, or of an SDSS-V field's nights."""
    name = plate_name(run2d, plate)
    if _is_dr18(run2d):
        return f"spectra/{kind}/{name}p"
    if is_sdss_v(run2d) and not run2d.startswith(("v6_0_", "v6_1_")):
        return f"spectra/daily/{kind}/{plate // 1000:03d}XXX/{name}"
    return f"spectra/{kind}/{name}"


def spec_name(run2d: str, plate: int, mjd: int, fiber: int) -> str:
    """Return the name of a spec file; `fiber` is CATALOGID in SDSS-V."""
    target = f"{fiber:04d}"
    if is_sdss_v(run2d):
        target = f"{fiber:011d}" if _is_dr18(run2d) and fiber >= 0 else str(fiber)
    return f"spec-{plate_name(run2d, plate)}-{mjd:05d}-{target}.fits"


def _is_dr18(run2d: str) -> bool:
    return run2d in ("v6_0_1", "v6_0_2", "v6_0_3", "v6_0_4")
