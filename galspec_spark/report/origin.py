"""What a page was made from: the command, its inputs, and how much of the data is simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """The command that made a page, and its inputs."""

    command: str  #: without secrets; empty for a call from Python
    inputs: Sequence[str]  #: files and folders as given; empty without files
    warehouse: str


@dataclass(frozen=True)
class Simulated:
    """How many of the spectra of a page no telescope observed."""

    spectra: int  #: of these
    total: int

    @property
    def mark(self) -> str:
        """The words before titles; empty for real spectra."""
        if not self.spectra:
            return ""
        return "Simulated data" if self.spectra == self.total else "Partly simulated data"

    @property
    def note(self) -> str:
        """The sentence of the banner; empty for real spectra."""
        if not self.spectra:
            return ""
        those = "These spectra were"
        if self.spectra < self.total:
            those = f"{self.spectra:,} of these {self.total:,} spectra were"
        return f"{those} made by galspec simulate and observed by no telescope."

    def titled(self, title: str) -> str:
        """Return a title that says whether the data are simulated."""
        return f"{self.mark}: {title}" if self.mark else title
