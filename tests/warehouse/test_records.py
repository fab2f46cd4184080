"""Small JSON files that later jobs read back, damaged as by a loss of power."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from galspec_spark.errors import UserError
from galspec_spark.measure.stage import _read_state
from galspec_spark.preprocess.recipe import read_state
from galspec_spark.warehouse.tables import Warehouse


@pytest.mark.parametrize("content", [b"", bytes(20), b'{"recipe": {"nor', b"{}", b"null", b"\xff"])
@pytest.mark.parametrize(
    ("read", "table", "job"),
    [(read_state, "sample", "preprocess"), (_read_state, "lines", "measure")],
)
def test_a_damaged_state_is_named_with_the_remedy(
    tmp_path: Path, read: Callable[[Warehouse], object], table: str, job: str, content: bytes
) -> None:
    place = tmp_path / table / "_state.json"
    place.parent.mkdir()
    place.write_bytes(content)
    with pytest.raises(UserError) as error:
        read(Warehouse(tmp_path))
    message = str(error.value)
    assert message.startswith(f"{place} is {'damaged' if content.strip(bytes(1)) else 'empty'}")
    assert f"; delete it and run galspec {job}" in message
    assert "\n" not in message
