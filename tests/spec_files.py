"""Small spec files made with astropy: an independent writer for the tests of our reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from galspec_spark.spectrum.lines import LINES

LOGLAM0, PIXELS = 3.5601, 3900


def arrays(seed: int = 0, pixels: int = PIXELS) -> dict[str, np.ndarray]:
    """Return the columns of a COADD table: a smooth spectrum with noise and some masked pixels."""
    random = np.random.default_rng(seed)
    loglam = (LOGLAM0 + 1e-4 * np.arange(pixels)).astype("f4")
    ivar = random.uniform(0.5, 2, pixels).astype("f4")
    ivar[random.random(pixels) < 0.005] = 0
    flux = 10 + 3 * np.sin(np.arange(pixels) / 300 + seed) + random.normal(size=pixels) / 2
    and_mask = np.where(random.random(pixels) < 0.005, 1 << 24, 0)
    return {
        "flux": flux.astype("f4"),
        "loglam": loglam,
        "ivar": ivar,
        "and_mask": and_mask.astype("i4"),
        "or_mask": (and_mask | 1 << 16).astype("i4"),
    }


def hdus(
    seed: int = 0, coadd: dict[str, np.ndarray] | None = None, **identity: Any
) -> fits.HDUList:
    """Return a spec file; `identity` replaces values of SPECOBJ, such as ``CLASS``."""
    coadd = coadd or arrays(seed)
    values = {
        "PLATE": 266, "MJD": 51630, "FIBERID": seed + 1, "RUN2D": "26",
        "BESTOBJID": str(1000 + seed), "SOURCETYPE": "GALAXY",
        "PLUG_RA": 150.0 + seed / 10, "PLUG_DEC": 2.0, "CLASS": "GALAXY", "SUBCLASS": "",
        "Z": 0.03, "Z_ERR": 1e-5, "ZWARNING": 0, "SN_MEDIAN_ALL": 20.0, **identity,
    }  # fmt: skip
    formats = {int: "J", float: "D", str: "24A"}
    specobj = [
        fits.Column(
            name, "E" if name in ("Z", "Z_ERR", "SN_MEDIAN_ALL") else formats[type(v)], array=[v]
        )
        for name, v in values.items()
    ]
    count = len(LINES)
    lines = [fits.Column("LINENAME", "13A", array=[line.sdss for line in LINES])]
    for i, measure in enumerate(("AREA", "AREA_ERR", "EW", "EW_ERR", "SIGMA", "SIGMA_ERR")):
        column = np.arange(1, count + 1, dtype="f4") + i / 10
        if measure.endswith("ERR"):
            column[0] = -1  # the first line was not measured
        lines.append(fits.Column(f"LINE{measure}", "E", array=column))
    formats = {"i": "J", "f": "E"}
    columns = [fits.Column(n, formats[a.dtype.kind], array=a) for n, a in coadd.items()]
    return fits.HDUList(
        [
            fits.PrimaryHDU(),
            fits.BinTableHDU.from_columns(columns, name="COADD"),
            fits.BinTableHDU.from_columns(specobj, name="SPECOBJ"),
            fits.BinTableHDU.from_columns(lines, name="SPZLINE"),
        ]
    )


def write(folder: Path, seed: int = 0, **kwargs: Any) -> Path:
    """Write a spec file and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"spec-{seed:04d}.fits"
    hdus(seed, **kwargs).writeto(path, overwrite=True)
    return path


def write_survey(folder: Path) -> Path:
    """Write four files, at redshifts 0.03 to 0.33; return their folder."""
    for seed in range(4):
        write(folder, seed, Z=0.03 + 0.1 * seed)
    return folder


def sdss_v(dr18: bool = False, full: bool = False, **spall: Any) -> fits.HDUList:
    """Return a file of SDSS-V; `spall` replaces values of SPALL, or removes those that are None.

    In DR18 FIELD is of SDSS's imaging there, the field of the spectrum in ZALL.
    """
    old = {
        "RUN": 752, "CAMCOL": 3, "FIELD": 391, "FIBERID": 147, "SOURCETYPE": "NA",
        "CATALOGID": 4544940698, "RUN2D": "v6_0_4",
    }  # fmt: skip
    new = {
        "FIELD": 15143, "FIBERID_LIST": "147 147 147", "SDSS_ID": 55555555,
        "CATALOGID": 27021598150202075, "RUN2D": "v6_1_3", "OBS": "APO",
    }  # fmt: skip
    values = {
        **(old if dr18 else new), "MJD": 59205, "OBJTYPE": "QSO", "PLUG_RA": 128.99935,
        "PLUG_DEC": 1.25, "CLASS": "GALAXY", "SUBCLASS": "AGN", "Z": 0.03, "Z_ERR": 1e-5,
        "ZWARNING": 0, "SN_MEDIAN_ALL": 20.0, **spall,
    }  # fmt: skip
    formats = {int: "K", float: "D", str: "48A"}
    columns = [
        fits.Column(name, formats[type(value)], array=[value])
        for name, value in values.items()
        if value is not None
    ]
    first, coadd, _, lines = hdus()
    zall = [fits.Column(name, "J", array=[15143, 15143]) for name in ("FIELD", "TILE")]
    units = [
        first,
        coadd,
        fits.BinTableHDU.from_columns(columns, name="SPALL"),
        fits.BinTableHDU.from_columns(zall, name="ZALL"),
        fits.BinTableHDU(lines.data, name="ZLINE"),
    ]
    exposures = [fits.BinTableHDU(coadd.data, name=name) for name in ("B1-321383", "R1-321383")]
    return fits.HDUList(units + (exposures if full else []))
