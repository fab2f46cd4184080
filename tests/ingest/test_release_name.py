"""The release of files is what their archive's path says, or none; never a guess."""

from __future__ import annotations

import pyarrow as pa
import pytest

from galspec_spark.errors import UserError
from galspec_spark.ingest.release_name import UNNAMED, release_of


def of(*paths: str) -> str:
    return release_of(pa.chunked_array([list(paths)], pa.string()))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/sas/dr17/sdss/spectro/redux/26/spectra/lite/0266/spec-0266-51602-0009.fits", "dr17"),
        ("s3://bucket/dr16/eboss/spectro/redux/v5_13_0/spectra/a.fits", "dr16"),
        ("/sas/dr19/spectro/boss/redux/v6_1_3/spectra/a.fits", "dr19"),
        ("/public/edr/spectro/redux/fuji/healpix/a.fits", "edr"),
        ("/me/simulated/sdss/spectro/redux/26/spectra/lite/0266/a.fits", "simulated"),
        ("/data/sdss/spectro/redux/26/a.fits", UNNAMED),
        ("/me/dr14/my-choice/a.fits", UNNAMED),
        ("/me/dr14x/sdss/spectro/redux/a.fits", UNNAMED),
    ],
)
def test_the_archives_folder_names_the_release(path: str, name: str) -> None:
    assert of(path) == name


def test_without_files_there_is_no_name() -> None:
    assert of() == UNNAMED


def test_several_releases_are_not_mixed_up() -> None:
    two = [f"/sas/{name}/sdss/spectro/redux/26/a.fits" for name in ("dr16", "dr17")]
    with pytest.raises(UserError, match=r"several releases \(dr16, dr17\).*--release NAME"):
        of(*two)
    with pytest.raises(UserError, match=r"several releases \(dr17, unnamed\)"):
        of(two[1], "/me/a.fits")
