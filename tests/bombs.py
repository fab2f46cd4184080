"""Small files that say they are enormous, or are when unpacked.

``python -m tests.bombs`` reads them all in bounded memory and prints how each ended.
"""

from __future__ import annotations

import gzip
import json
import resource
import sys
import time
import zlib
from collections.abc import Iterator

import numpy as np
from astropy.io import fits

from galspec_spark.readers import read_spectra
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.source import UNPACKED_LIMIT, Source, unpacked
from tests import desi_files, lamost_files, plate_files, spec_files

MEGABYTE = 1 << 20


def packed_zeros(begin: bytes = b"") -> bytes:
    """Return a gzip file of 640 MB of zeros, which memory does not hold; it is tiny."""
    packer = zlib.compressobj(1, wbits=31)
    pieces = [packer.compress(begin)]
    pieces += [packer.compress(bytes(16 * MEGABYTE)) for _ in range(40)]
    return b"".join([*pieces, packer.flush()])


def with_card(content: bytes, unit: int, **cards: str) -> bytes:
    """Return a file with other values in the header of one unit."""
    begin = -1
    for _ in range(unit):
        begin = content.index(b"XTENSION=", begin + 1)
    begin = max(begin, 0)
    for name, value in cards.items():
        at = content.index(name.ljust(8).encode() + b"=", begin)
        card = f"{name:8}= {value:>20}".encode().ljust(80)
        content = content[:at] + card + content[at + 80 :]
    return content


def bombs() -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of files, all of which must be refused."""
    to_bytes = plate_files.to_bytes
    spec, image = to_bytes(spec_files.hdus()), to_bytes(lamost_files.image())
    zeros = packed_zeros()
    yield "zeros.fits.gz", zeros
    yield "spectrum-and-zeros.fits.gz", packed_zeros(spec)
    yield "zeros-packed-twice.fits.gz", gzip.compress(zeros, 1)
    yield "many-empty-members.fits.gz", gzip.compress(b"", 1) * 200_000
    huge = str(10**12)
    for name in ("NAXIS1", "NAXIS2", "NAXIS"):
        yield f"image-{name}.fits", with_card(image, 0, **{name: huge})
    for name in ("NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "TFIELDS", "NAXIS"):
        yield f"table-{name}.fits", with_card(spec, 1, **{name: huge})
    wide = {"TFORM1": "'1000000000E'", "NAXIS1": str(4 * 10**9 + 16), "NAXIS2": "0"}
    yield "wide-column.fits", with_card(spec, 1, **wide)
    yield "empty-table.fits", with_card(spec, 1, NAXIS2="0")
    yield "header-without-end.fits", image[:320] + b"COMMENT".ljust(80) * 359_996
    ends = b"COMMENT " + b"END".ljust(80) * 359_996
    yield "header-of-ends.fits", image[:320] + ends[: 359_996 * 80]
    yield "many-columns.fits", _many_columns(10_000)
    yield "many-units.fits", spec[:2880] + _empty_extension() * 5000
    yield "compressed-image.fits", _compressed_wavelengths()
    yield "long-cells.fits", _long_cells()


def _empty_extension() -> bytes:
    return fits.ImageHDU().header.tostring().encode()


def _many_columns(count: int) -> bytes:
    table = ["XTENSION= 'BINTABLE'", "BITPIX  = 8", "NAXIS   = 2", f"NAXIS1  = {count}"]
    table += ["NAXIS2  = 1", "PCOUNT  = 0", "GCOUNT  = 1", f"TFIELDS = {count}"]
    for i in range(1, count + 1):
        table += [f"{f'TTYPE{i}':8}= 'C{i}'", f"{f'TFORM{i}':8}= 'B'"]
    header = "".join(card.ljust(80) for card in [*table, "END"])
    header = header.ljust(-(-len(header) // 2880) * 2880)
    data = bytes(-(-count // 2880) * 2880)
    return fits.PrimaryHDU().header.tostring().encode() + header.encode() + data


def _compressed_wavelengths() -> bytes:
    """Return a coadd whose wavelengths unpack to ten billion pixels."""
    hdus = desi_files.coadd()
    wavelengths = fits.CompImageHDU(np.zeros((8, 1000), "f4"), name="B_WAVELENGTH")
    hdus["B_WAVELENGTH"] = wavelengths
    content = plate_files.to_bytes(hdus)
    cards = ("ZNAXIS", 1), ("ZNAXIS1", 10**10)
    for name, value in cards:
        at = content.index(f"{name:8}=".encode())
        content = content[:at] + f"{name:8}= {value:>20}".encode().ljust(80) + content[at + 80 :]
    return content


def _long_cells() -> bytes:
    """Return a table of cells of variable length that are two billion pixels long."""
    columns = []
    for name, row in lamost_files.rows().items():
        cells = np.empty(1, object)
        cells[0] = row.astype("f4")
        columns.append(fits.Column(name, "PE()", array=cells))
    hdus = lamost_files.table()
    hdus[1] = fits.BinTableHDU.from_columns(columns, name="COADD")
    content = plate_files.to_bytes(hdus)
    pixels = lamost_files.PIXELS.to_bytes(4, "big") + bytes(4)
    return content.replace(pixels, (2**31 - 1).to_bytes(4, "big") + bytes(4), 1)


def main() -> None:
    """Read all, with no more memory than the largest file that may be unpacked needs."""
    with open("/proc/self/statm") as statm:
        now = int(statm.read().split()[0]) * resource.getpagesize()
    limit = now + UNPACKED_LIMIT + 150 * MEGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for name, content in bombs():
        begin = time.process_time()
        try:
            reason, message = "read", read_spectra(Source(name, unpacked(content)))[0]
        except BadFile as error:
            reason, message = error.reason, error.message
        seconds = time.process_time() - begin
        sys.stdout.write(json.dumps([name, reason, message, seconds]) + "\n")


if __name__ == "__main__":
    main()
