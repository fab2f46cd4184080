"""DESI coadds with their redrock catalogue."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from astropy.io import fits

from tests.oracle.common import (
    Beside,
    Refused,
    Row,
    card_of,
    column_of,
    names_of,
    open_fits,
    pixels_of,
    text,
)


def coadd(content: bytes, name: str, beside: Beside) -> list[Row]:
    with open_fits(content) as hdus:
        names = [hdu.name for hdu in hdus]
        if len(set(names)) < len(names):
            raise Refused("a unit's name is there twice")
        arms = {
            arm: {
                kind: pixels_of(hdus[f"{arm}_{kind}"], "iu" if kind == "MASK" else "f")
                for kind in ("WAVELENGTH", "FLUX", "IVAR", "MASK")
                if kind != "MASK" or any(name.endswith("_MASK") for name in names)
            }
            for arm in {name.split("_")[0] for name in names if name.endswith("_FLUX")}
        }
        fibermap = hdus[1]
        columns = names_of(fibermap)
        header = hdus[0].header
        field = _desi_field(header, name)
        rows = []
        for i, target in enumerate(column_of(fibermap, "TARGETID", "i").tolist()):
            kind = text(fibermap.data["OBJTYPE"][i])
            days = [column_of(fibermap, n, "f")[i] for n in ("MIN_MJD", "MAX_MJD") if n in columns]
            one_day = len(days) == 2 and days[0] > 0 and np.floor(days[0]) == np.floor(days[1])
            loglam, flux, ivar = desi_spectrum(arms, i)
            rows.append(
                {
                    "survey": "desi",
                    "key": f"{field}-{target}",
                    "field": field,
                    "target_id": target,
                    "fiber": column_of(fibermap, "FIBER", "i")[i] if "FIBER" in columns else None,
                    "mjd": int(days[0]) if one_day else None,
                    "run2d": _desi_reduction(header),
                    "object_id": f"desi-{target}" if kind == "TGT" else None,
                    "source_type": kind,
                    "ra": column_of(fibermap, "TARGET_RA", "f")[i],
                    "dec": column_of(fibermap, "TARGET_DEC", "f")[i],
                    "loglam": loglam,
                    "flux": flux,
                    "ivar": ivar,
                }
            )
    for kind in ("redrock", "zbest"):
        other = f"{kind}{name.removeprefix('coadd').removesuffix('.gz')}"
        catalogue = beside.get(other) or beside.get(f"{other}.gz")
        if name.startswith("coadd-") and catalogue is not None:
            known = _desi_redshifts(catalogue)
            for row in rows:
                row.update(known.get(row["target_id"], {}))
            break
    return rows


def _desi_field(header: fits.Header, name: str) -> str:
    for group in (("SURVEY", "PROGRAM", "HPXPIXEL"), ("TILEID", "PETAL", "SPGRP", "SPGRPVAL")):
        values = [card_of(header, card) for card in group]
        if None not in values:
            return "-".join(str(value) for value in values)
    return re.sub(r"^coadd-|\.fits(\.gz)?$", "", name)


def _desi_reduction(header: fits.Header) -> str | None:
    for i in range(100):
        if card_of(header, f"DEPNAM{i:02d}") == "SPECPROD":
            return card_of(header, f"DEPVER{i:02d}")
    return None


def _desi_redshifts(content: bytes) -> dict[int, Row]:
    with open_fits(content) as hdus:
        names = [hdu.name for hdu in hdus]
        catalogue = hdus[next((n for n in ("REDSHIFTS", "ZBEST") if n in names), 1)]
        found = {}
        for i, target in enumerate(column_of(catalogue, "TARGETID", "i").tolist()):
            kind = text(catalogue.data["SPECTYPE"][i])
            found[target] = {
                "class": kind,
                "subclass": text(catalogue.data["SUBTYPE"][i]) if kind == "STAR" else None,
                "z": column_of(catalogue, "Z", "f")[i],
                "z_err": column_of(catalogue, "ZERR", "f")[i],
                "zwarning": column_of(catalogue, "ZWARN", "i")[i],
            }
        return found


def desi_spectrum(
    arms: Mapping[str, Mapping[str, np.ndarray]], row: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a target's loglam, flux and ivar, each input pixel handing out what it has.

    The arms are summed up on their common grid of 0.8 A, weighted by ivar. Then each pixel gives
    to the pixels of 1e-4 dex the share by which they overlap.
    """
    step = 0.8
    first = round(min(arm["WAVELENGTH"][0] for arm in arms.values()), 3)
    places = {
        name: np.rint((arm["WAVELENGTH"] - first) / step).astype(int) for name, arm in arms.items()
    }
    count = 1 + max(place.max() for place in places.values())
    weighted, weight = np.zeros(count), np.zeros(count)
    for name, arm in arms.items():
        ivar = arm["IVAR"][row].astype(np.float64)
        good = (ivar > 0) & (arm["MASK"][row] == 0 if "MASK" in arm else True)
        at = places[name][good]
        np.add.at(weight, at, ivar[good])
        np.add.at(weighted, at, ivar[good] * arm["FLUX"][row][good])
    left = first - step / 2
    loglam = np.arange(
        np.ceil(np.log10(left) * 1e4), np.floor(np.log10(left + step * count) * 1e4) + 1
    )
    lower, upper = 10 ** ((loglam - 0.5) / 1e4), 10 ** ((loglam + 0.5) / 1e4)
    covered, total, noise = np.zeros((3, len(loglam)))
    good = np.flatnonzero(weight > 0)
    low, high = left + step * good, left + step * (good + 1)
    earliest = np.searchsorted(upper, low)
    for i in range(int(step / np.diff(lower).min()) + 2):
        to = np.minimum(earliest + i, len(loglam) - 1)
        shared = np.minimum(upper[to], high) - np.maximum(lower[to], low)
        given = (shared > 0) & (earliest + i < len(loglam))
        to, shared, source = to[given], shared[given], good[given]
        np.add.at(covered, to, shared)
        np.add.at(total, to, shared * weighted[source] / weight[source])
        np.add.at(noise, to, shared**2 / weight[source])
    known = covered >= (upper - lower) / 2
    return (
        loglam / 1e4,
        np.divide(total, covered, out=np.zeros_like(total), where=known),
        np.divide(covered**2, noise, out=np.zeros_like(total), where=known),
    )
