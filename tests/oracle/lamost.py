"""LAMOST, low resolution."""

from __future__ import annotations

import numpy as np

from tests.oracle.common import (
    Beside,
    Refused,
    Row,
    card_of,
    column_of,
    names_of,
    open_fits,
    pixels_of,
)


def lamost(content: bytes, name: str, beside: Beside) -> list[Row]:
    names = ("FLUX", "IVAR", "WAVELENGTH", "ANDMASK", "ORMASK")
    with open_fits(content) as hdus:
        header = hdus[0].header
        if len(hdus) > 1 and set(names) <= set(names_of(hdus[1])):
            (flux,), (ivar,), (wave,), (and_mask,), (or_mask,) = (
                column_of(hdus[1], name, "iuf" if name.endswith("MASK") else "f") for name in names
            )
        else:
            flux, ivar, wave, and_mask, or_mask = pixels_of(hdus[0], "f")
        if "subcontinuum" in str(card_of(header, "EXTEN0")).lower():
            loglam = header["COEFF0"] + header["COEFF1"] * np.arange(len(flux))
        else:
            loglam = np.log10(np.asarray(wave, np.float64))
        if header["VACUUM"] is not True:
            raise Refused("not in vacuum")
        sky = "Sky" in (card_of(header, "FIBERTYP"), card_of(header, "FIB_TYPE"))
        field = f"{header['PLANID'].strip()}_sp{int(header['SPID']):02d}"
        designation = card_of(header, "DESIG")
        subclass = header["SUBCLASS"].strip()
        return [
            {
                "survey": "lamost",
                "key": f"{header['LMJD']:.0f}-{field.replace('_sp', '-')}"
                f"-{int(header['FIBERID']):03d}",
                "mjd": header["LMJD"],
                "fiber": int(header["FIBERID"]),
                "field": field,
                "run2d": card_of(header, "VERSPIPE"),
                "object_id": None
                if sky or designation is None
                else f"desig-{designation.removeprefix('LAMOST ')}",
                "source_type": "SKY" if sky else card_of(header, "OBJTYPE"),
                "ra": header["RA"],
                "dec": header["DEC"],
                "z": _measured(header["Z"]),
                "z_err": _measured(card_of(header, "Z_ERR")),
                "class": header["CLASS"].strip(),
                "subclass": None if subclass.upper() in ("", "NON", "NULL") else subclass,
                "loglam": loglam,
                "flux": np.asarray(flux, np.float32),
                "ivar": np.asarray(ivar, np.float32),
                "and_mask": np.asarray(and_mask),
                "or_mask": np.asarray(or_mask),
            }
        ]


def _measured(value: float | None) -> float | None:
    return None if value == -9999 else value
