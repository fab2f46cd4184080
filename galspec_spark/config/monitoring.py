"""The section of the configuration for those who watch the runs."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from galspec_spark.config.section import FileName, Section


def _web_address(address: SecretStr) -> SecretStr:
    """Refuse what cannot be posted to; the message must not have it."""
    if not re.fullmatch(r"https?://\S+", address.get_secret_value()):
        raise ValueError("expected an address that begins with https:// or http://")
    return address


class MonitoringConfig(Section):
    """What the end of a run leaves for those who watch; it changes no result."""

    prometheus: FileName | None = Field(None, description="file for the metrics of the last run")
    on_failure: tuple[FileName, ...] = Field(
        (), description="program and arguments, run on an exit code other than 0"
    )
    webhook: Annotated[SecretStr, AfterValidator(_web_address)] | None = Field(
        None, description="address to post to on an exit code other than 0"
    )
