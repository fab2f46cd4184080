"""The public page of a spectrum at its survey: SDSS's SkyServer, for spectra that SDSS observed.

A release of SDSS holds the spectra of all before it, so one address serves them all.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

#: The page of a spectrum; to follow SDSS to a newer release, change it here.
SKYSERVER = "https://skyserver.sdss.org/dr19/VisualTools/explore/summary"
#: Plate, night and fibre; SDSS-V's field of six digits and target are not on that page.
SDSS_KEY = re.compile(r"(\d{4,5})-(\d{5})-(\d{4})", re.ASCII)


def survey_page(survey: str, release: str, spectrum_id: str, simulated: bool | None) -> str | None:
    """Return the address of a spectrum's page; None for simulated spectra and other surveys."""
    key = SDSS_KEY.fullmatch(spectrum_id.removeprefix(f"{survey}-{release}-"))
    if survey != "sdss" or simulated or key is None:
        return None
    plate, mjd, fiber = map(int, key.groups())
    return f"{SKYSERVER}?plate={plate}&mjd={mjd}&fiber={fiber}"


def survey_pages(rows: pa.Table, survey: str) -> pa.Array:
    """Return the addresses of the pages of spectra, null where there is none.

    Parameters
    ----------
    rows
        Rows of ``spectra`` with the columns plate, mjd, fiber and simulated.
    """
    if survey != "sdss":
        return pa.nulls(len(rows), pa.string())
    plate, mjd, fiber = (rows[name].cast(pa.string()) for name in ("plate", "mjd", "fiber"))
    pages = pc.binary_join_element_wise(
        f"{SKYSERVER}?plate=", plate, "&mjd=", mjd, "&fiber=", fiber, ""
    )
    simulated = pc.fill_null(rows["simulated"], False)
    return pc.if_else(simulated, pa.scalar(None, pa.string()), pages).combine_chunks()
