"""What a Python process of Spark's does before each task."""

from __future__ import annotations

import gc
import sys

import numpy as np

_modules = 0  #: that were imported when all objects were last frozen


def prepare_worker() -> None:
    """Make this task and the wait after it cheaper; call it at the start of each."""
    _keep_freed_memory()
    _freeze_modules()


def _keep_freed_memory() -> None:
    """Let glibc reuse the memory of freed arrays instead of returning it to the system each time.

    glibc keeps twice the size of the largest block freed so far, up to blocks of 32 MB: see
    M_MMAP_THRESHOLD in mallopt(3). Otherwise new pages double the time of moving a batch.
    """
    np.empty(31 << 20, np.uint8)


def _freeze_modules() -> None:
    """Spare the garbage collector what was imported, whenever more has been.

    Spark's process collects garbage after each task. It would look at all objects of all modules
    each time, for 0.1 s: as much as a small task takes.
    """
    global _modules
    if len(sys.modules) > _modules:
        gc.freeze()
        _modules = len(sys.modules)
