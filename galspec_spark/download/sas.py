"""The SDSS Science Archive Server (SAS): its folders of spectra, and its indexes of folders.

The folders follow SDSS's own description of the archive, the product ``tree`` (files
``data/dr*.cfg``) and the function ``spectrodir`` of ``sdss_access``.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

from galspec_spark.download.names import is_sdss_v, plate_name, spectra_folder
from galspec_spark.download.wanted import Plate
from galspec_spark.errors import ConfigError, without_passwords

KINDS = ("lite", "full", "plate")
#: Reductions of SDSS-I/II, which the archive keeps apart; later reductions are of (e)BOSS.
LEGACY_RUN2D = ("26", "103", "104")

#: A folder of an SDSS-V field, in an index.
NIGHT = re.compile(r"\d{5}/", re.ASCII)
SHA1_FILE = re.compile(r"[\w.-]+\.sha1sum", re.ASCII)
SHA1_LINE = re.compile(r"([0-9a-fA-F]{40}) [ *](?:\./)?(\S+)")


@dataclass(frozen=True)
class Archive:
    """Files of one kind in one data release.

    Raises
    ------
    ConfigError
        If the address is not http or https, or the release is not dr8 or later.
    """

    address: str  #: root of the archive, for example ``https://data.sdss.org/sas``
    release: str  #: for example ``dr17``
    kind: str  #: ``lite``, ``full`` (spectrum by spectrum) or ``plate`` (spPlate and companions)

    def __post_init__(self) -> None:
        try:
            url = urlsplit(self.address)
            good = url.scheme in ("http", "https") and url.hostname and "@" not in url.netloc
            good = good and not url.query + url.fragment
        except ValueError:
            good = False
        if not good:
            shown = without_passwords(self.address)
            raise ConfigError(f"{shown} is not an http or https address of a folder")
        if not re.fullmatch(r"dr([89]|[1-9][0-9])", self.release):
            raise ConfigError(f"{self.release!r} is not an SDSS release: expected dr8, dr9, ...")

    def url(self, path: str) -> str:
        """Return the address of a path below the archive's root."""
        return f"{self.address.rstrip('/')}/{path}"

    def folders(self, plate: Plate) -> list[str]:
        """Return the folders of a plate's files, below the archive's root.

        A second folder holds the classifier's output, where the reduction kept that apart.
        """
        number = int(self.release.removeprefix("dr"))
        if is_sdss_v(plate.run2d):
            return [self._field_folder(plate, number)]
        if number >= 18:
            redux = f"{self.release}/spectro/sdss/redux/{plate.run2d}"
        else:
            boss = "boss" if number < 13 else "eboss"
            survey = "sdss" if plate.run2d in LEGACY_RUN2D else boss
            redux = f"{self.release}/{survey}/spectro/redux/{plate.run2d}"
        if self.kind == "plate":
            folder = f"{redux}/{plate_name(plate.run2d, plate.plate)}"
            return [folder, f"{folder}/{plate.run2d}"]
        return [f"{redux}/{spectra_folder(plate.run2d, self.kind, plate.plate)}"]

    def _field_folder(self, plate: Plate, number: int) -> str:
        """Return the folder of a night of an SDSS-V field, or of all its nights."""
        if self.kind == "plate" or number < 18:
            raise ConfigError(
                f"reduction {plate.run2d} is SDSS-V's: it needs --release dr18 or later "
                "and --kind lite or full"
            )
        folder = spectra_folder(plate.run2d, self.kind, plate.plate)
        night = "" if plate.mjd is None else f"/{plate.mjd}"
        return f"{self.release}/spectro/boss/redux/{plate.run2d}/{folder}{night}"

    def nights(self, plate: Plate, folder: str, index: str) -> list[str]:
        """Return the folders within that of an SDSS-V field, one for each night."""
        if not is_sdss_v(plate.run2d) or plate.mjd is not None:
            return []
        names = names_in_index(index, self.url(folder), NIGHT)
        return [f"{folder}/{name.rstrip('/')}" for name in names]

    def file_name(self, plate: Plate) -> re.Pattern[str]:
        """Return the pattern of the names of wanted files."""
        mjd = r"\d{5}" if plate.mjd is None else f"{plate.mjd:05d}"
        name = plate_name(plate.run2d, plate.plate)
        if self.kind == "plate":
            return re.compile(rf"sp(Plate|Zbest|Zline)-{name}-{mjd}\.fits", re.ASCII)
        target = r"-?\d{1,19}" if is_sdss_v(plate.run2d) else r"\d{4}"
        return re.compile(rf"spec-{name}-{mjd}-{target}\.fits", re.ASCII)


def names_in_index(html: str, url: str, name: re.Pattern[str]) -> list[str]:
    """Return the matching names of a folder's own files, sorted, from the server's index.

    Links elsewhere and names that contain a path are left out, so the names are safe as file names.
    """
    index = _Links()
    index.feed(html)
    folder = url.rstrip("/") + "/"
    found = set()
    for link in index.links:
        with suppress(ValueError):  # not an address
            found.add(unquote(urljoin(folder, link).removeprefix(folder)))
    return sorted(file for file in found if name.fullmatch(file))


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for key, value in attrs if tag == "a" and key == "href" and value]


def read_sha1_sums(text: str) -> dict[str, str]:
    """Return the sums in the output of sha1sum, by file name; skip other lines."""
    lines = (SHA1_LINE.fullmatch(line.rstrip()) for line in text.splitlines())
    return {line[2]: line[1].lower() for line in lines if line}
