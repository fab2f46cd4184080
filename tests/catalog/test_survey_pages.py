"""Addresses of pages at the survey: of spectra that SDSS observed, and of no others."""

from __future__ import annotations

import pytest

from galspec_spark.catalog.survey_pages import SKYSERVER, survey_page


@pytest.mark.parametrize(
    ("survey", "release", "spectrum", "query"),
    [
        ("sdss", "dr14", "sdss-dr14-0266-51602-0009", "?plate=266&mjd=51602&fiber=9"),
        ("sdss", "unnamed", "sdss-unnamed-0266-51602-0009", "?plate=266&mjd=51602&fiber=9"),
        ("sdss", "dr14", "sdss-dr14-0266-51602-0009&x=<b>", None),
        ("sdss", "dr19", "sdss-dr19-015143-59205-27021598150202075", None),
        ("sdss", "dr18", "sdss-dr18-015143-59205-0147", None),
        ("desi", "dr1", "desi-dr1-27256-39628473202312152", None),
        ("lamost", "dr7", "lamost-dr7-56591-EG012606S021203F01-5-1", None),
    ],
)
def test_only_spectra_of_sdss_have_a_page(survey, release, spectrum, query) -> None:
    assert survey_page(survey, release, spectrum, simulated=True) is None
    address = survey_page(survey, release, spectrum, simulated=False)
    assert address == (None if query is None else f"{SKYSERVER}{query}")
