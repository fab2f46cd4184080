"""A batch of spectra of different lengths in one flat array, as Arrow stores lists."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass(frozen=True)
class ObservedBatch:
    """Spectra as observed, on grids of 1e-4 dex that begin anywhere.

    Spectrum ``i`` has the flat pixels ``starts[i]`` to ``starts[i] + pixels[i] - 1``.
    """

    flux: npt.NDArray[np.float32]  #: flat, 1e-17 erg/s/cm2/A
    ivar: npt.NDArray[np.float32]  #: flat
    and_mask: npt.NDArray[np.int32]  #: flat
    starts: npt.NDArray[np.int64]  #: (spectra,)
    pixels: npt.NDArray[np.int64]  #: (spectra,)
    loglam0: npt.NDArray[np.float64]  #: (spectra,) log10 of the first wavelength in A
    z: npt.NDArray[np.float64]  #: (spectra,)

    @classmethod
    def from_arrow(cls, table: pa.Table | pa.RecordBatch) -> ObservedBatch:
        """View the columns flux, ivar, and_mask, loglam0 and z of a ``spectra`` table."""
        lists = {name: _list_array(table[name]) for name in ("flux", "ivar")}
        offsets = lists["flux"].offsets.to_numpy().astype(np.int64)
        return cls(
            **{
                # flatten() drops values outside the offsets, so starts count from the first
                name: array.flatten().to_numpy(zero_copy_only=False)
                for name, array in lists.items()
            },
            and_mask=_flat_mask(_list_array(table["and_mask"]), np.diff(offsets)),
            starts=offsets[:-1] - offsets[0],
            pixels=np.diff(offsets),
            loglam0=table["loglam0"].to_numpy(zero_copy_only=False),
            z=table["z"].to_numpy(zero_copy_only=False),
        )

    def take(self, chosen: npt.NDArray[np.intp]) -> ObservedBatch:
        """Return some of the spectra, in this order, without copying their pixels."""
        return replace(
            self,
            starts=self.starts[chosen],
            pixels=self.pixels[chosen],
            loglam0=self.loglam0[chosen],
            z=self.z[chosen],
        )


def _flat_mask(masks: pa.ListArray, pixels: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Return the masks as a flat array, 0 where a survey has none."""
    stored: npt.NDArray[np.int32] = masks.flatten().to_numpy(zero_copy_only=False)
    if not masks.null_count:
        return stored
    flat = np.zeros(pixels.sum(), np.int32)
    flat[np.repeat(masks.is_valid().to_numpy(zero_copy_only=False), pixels)] = stored
    return flat


def _list_array(column: pa.Array | pa.ChunkedArray) -> pa.ListArray:
    if isinstance(column, pa.ChunkedArray):
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return column
