"""Many spec files from few: each copy has its own identity, position and noise."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from galspec_spark.readers.fits import units

PLATES, DEGREES, NOISE = 20000, 0.01, 1e-3  #: how far a copy is from the one before
PROCESSES = 2


def make_copies(files: list[str], count: int, folder: Path) -> list[str]:
    """Write `count` spec files made from the given ones; return their paths.

    The pixels of copies differ in every number, or Parquet would compress them away.
    """
    folder.mkdir(parents=True)
    shares = [range(i, count, PROCESSES) for i in range(PROCESSES)]
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        done = pool.map(_write_share, [files] * PROCESSES, shares, [folder] * PROCESSES)
        return sorted(path for paths in done for path in paths)


def _write_share(files: list[str], numbers: range, folder: Path) -> list[str]:
    paths = []
    for number in numbers:
        generation, original = divmod(number, len(files))
        path = folder / f"{generation:03d}" / Path(files[original]).name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(_copy(Path(files[original]).read_bytes(), generation, number))
        paths.append(str(path))
    return paths


def _copy(content: bytes, generation: int, seed: int) -> bytes:
    changed = bytearray(content)
    found = list(islice(units(content), 3))
    coadd, specobj = (
        np.frombuffer(changed, unit.layout.dtype, unit.layout.shape[0], unit.start)
        for unit in found[1:]
    )
    noise = np.random.default_rng(seed).normal(1, NOISE, (2, len(coadd))).astype(np.float32)
    coadd["flux"] *= noise[0]
    coadd["ivar"] *= noise[1]
    specobj["plate"] += PLATES * generation
    specobj["plug_ra"] = (specobj["plug_ra"] + DEGREES * generation) % 360
    return bytes(changed)
