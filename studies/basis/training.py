"""What a basis learns from: spectra of SDSS, and what its pipeline measured of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from galspec_spark.errors import UserError
from galspec_spark.harness.progress import Progress
from galspec_spark.lines.linelist import LineList, all_lines, line_lists, reductions_of
from galspec_spark.lines.measures import PIXEL_VELOCITY
from galspec_spark.lines.spectra import Spectra
from galspec_spark.preprocess.objects import find_objects
from galspec_spark.readers import PIXEL_MASKS
from galspec_spark.readers.fits import table
from galspec_spark.readers.sdss import read as read_spec
from galspec_spark.readers.source import Source, unpacked
from galspec_spark.spectrum.arrays import Array, Doubles
from galspec_spark.spectrum.grid import LOGLAM_STEP
from galspec_spark.spectrum.masks import bit_mask

#: Columns of SPECOBJ, and what they are called below.
OF_DISPERSION = {"vdisp": "dispersion", "vdisp_err": "dispersion_err", "vdispchi2": "chi2"}
#: The same of SPZLINE.
OF_LINE = {
    "linearea": "area",
    "linearea_err": "area_err",
    "linecontlevel": "level",
    "linecontlevel_err": "level_err",
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Training:
    """n spectra with SDSS's measurements; lines are those of `all_lines`, NaN where there is none.

    Areas are in flux times pixels, levels in flux.
    """

    spectra: Spectra
    key: Array  #: (n,) plate, MJD and fibre
    z: Doubles  #: (n,)
    run2d: Array  #: (n,)
    object_id: Array  #: (n,) the same for spectra of one object
    subclass: Array  #: (n,) without BROADLINE
    dispersion: Doubles  #: (n,) km/s
    dispersion_err: Doubles  #: (n,) km/s, not positive at the ends of the range
    chi2: Doubles  #: (n,) of the fit of the continuum
    searched: Doubles  #: (n, 3) shift and widths of the joint fit of the lines, in pixels
    area: Doubles  #: (n, lines)
    area_err: Doubles  #: (n, lines)
    level: Doubles  #: (n, lines) flux under the line
    level_err: Doubles  #: (n, lines)

    def __len__(self) -> int:
        return len(self.z)

    def take(self, rows: Array) -> Training:
        """Return some of the spectra."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        spectra = own.pop("spectra").take(rows)
        return Training(spectra, **{name: value[rows] for name, value in own.items()})

    def folds(self, count: int) -> npt.NDArray[np.int64]:
        """Return the fold of each spectrum, (n,): by a hash of the object."""
        digests = [hashlib.sha256(name.encode()).digest() for name in self.object_id]
        return np.array([int.from_bytes(digest[:8]) % count for digest in digests], np.int64)


def read_training(folder: Path) -> Training:
    """Read the galaxies of all spec files below a folder.

    Left out are those of which SDSS measured no line, or no velocity dispersion.

    Raises
    ------
    UserError
        If there are none.
    """
    paths = sorted([*folder.rglob("spec-*.fits"), *folder.rglob("spec-*.fits.gz")])
    progress, found = Progress("read", len(paths), "files"), []
    for path in paths:
        found += _read(path)
        progress.advance()
    if not found:
        raise UserError(f"{folder} has no spec file of a galaxy with SDSS's lines")
    rows, measured = zip(*found, strict=True)
    return Training(
        _spectra(rows),
        np.array([row["key"] for row in rows]),
        np.array([row["z"] for row in rows], np.float64),
        np.array([row["run2d"] for row in rows], object),
        _objects(rows),
        np.array([(row["subclass"] or "").replace("BROADLINE", "").strip() for row in rows]),
        **{name: np.stack([one[name] for one in measured]) for name in measured[0]},
    )


def _read(path: Path) -> list[tuple[Row, dict[str, Any]]]:
    """Return the row of a file and SDSS's measurements, none if it is not to be learned from."""
    source = Source(path.name, unpacked(path.read_bytes()))
    (row,) = read_spec(source)
    catalogue, lines = source.first_units[2:4]
    of_line = frozenset((*OF_LINE, "linewave", "linez", "linesigma"))
    own = line_lists()[reductions_of(row["run2d"])]
    if (
        row["class"] != "GALAXY"
        or not catalogue.layout.columns >= OF_DISPERSION.keys()
        or not lines.layout.columns >= of_line
        or lines.layout.shape[0] != len(own.names)
    ):
        return []
    (of_object,) = table(source.content, catalogue, OF_DISPERSION.keys())
    dispersion = {name: np.float64(of_object[column]) for column, name in OF_DISPERSION.items()}
    found = table(source.content, lines, of_line)
    same_lines = np.allclose(found["linewave"], own.wavelength, rtol=1e-6)
    if not (same_lines and dispersion["chi2"] > 0 and (found["linearea_err"] > 0).any()):
        return []
    return [(row, dispersion | _lines(found, row["z"], own))]


def _lines(found: npt.NDArray[np.void], z: float, own: LineList) -> dict[str, Doubles]:
    """Return SDSS's fit of the lines of one spectrum, in pixels."""
    fitted = found["linearea_err"] > 0
    line_z, sigma = (found[name].astype(np.float64) for name in ("linez", "linesigma"))
    shift = np.log10((1 + line_z[fitted].mean()) / (1 + z)) / LOGLAM_STEP
    widths = [
        sigma[fitted & kind].mean() if (fitted & kind).any() else PIXEL_VELOCITY
        for kind in (own.balmer, ~own.balmer)
    ]
    pixel = own.wavelength * (1 + line_z) * np.log(10) * LOGLAM_STEP  # A
    columns = [all_lines().index(name) for name in own.names]
    values = {}
    for column, name in OF_LINE.items():
        unit = pixel if name.startswith("area") else 1.0
        values[name] = np.full(len(all_lines()), np.nan)
        values[name][columns] = np.where(fitted, found[column] / unit, np.nan)
    return {"searched": np.array([shift, *widths]) / [1, PIXEL_VELOCITY, PIXEL_VELOCITY], **values}


def _spectra(rows: Sequence[Row]) -> Spectra:
    longest = max(len(row["flux"]) for row in rows)

    def matrix(name: str) -> Array:
        return np.stack([np.pad(row[name], (0, longest - len(row[name]))) for row in rows])

    z, loglam0 = (np.array([row[name] for row in rows], np.float64) for name in ("z", "loglam0"))
    mask = PIXEL_MASKS["sdss"]
    bad_sky = matrix("or_mask") & bit_mask(mask.bad_sky, mask.bits) != 0
    flux, ivar = (matrix(name).astype(np.float64) for name in ("flux", "ivar"))
    return Spectra.observed(flux, ivar, loglam0, z, bad_sky)


def _objects(rows: Sequence[Row]) -> Array:
    """Return the name of each spectrum's object."""
    named = pa.table({
        "spectrum_id": [row["key"] for row in rows],
        "survey_object_id": pa.array([row["object_id"] for row in rows], pa.string()),
        "ra": [row["ra"] for row in rows],
        "dec": [row["dec"] for row in rows],
    })  # fmt: skip
    unseen = pa.nulls(len(rows), pa.string())
    return np.array(find_objects(named, unseen, unseen).name.to_pylist())
