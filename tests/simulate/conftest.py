"""A simulated survey, of which each block takes seconds."""

from __future__ import annotations

import pytest

from galspec_spark.config import SimulateConfig
from galspec_spark.simulate.batch import Batch, simulate_block

SEED = 3


@pytest.fixture(scope="session")
def survey() -> list[Batch]:
    return [simulate_block(block, SimulateConfig(seed=SEED)) for block in range(5)]
