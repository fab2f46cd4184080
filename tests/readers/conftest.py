"""The way to one real file of each format."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_formats() -> Path:
    """The folder of real files of each format."""
    folder = os.environ.get("GALSPEC_REAL_FORMATS")
    if not folder:
        pytest.skip("GALSPEC_REAL_FORMATS is not set")
    return Path(folder)
