"""The parameters of our `CrossValidator` that Spark's does not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pyspark.ml.param import Param, Params, TypeConverters


class OwnParams(Params):
    """Their setters and getters; a getter of one that is not set fails, as Spark's do."""

    foldFeatures = Param(
        Params._dummy(), "foldFeatures", "features of each fold", TypeConverters.toListString
    )
    selection: Param[list[list[int]]] = Param(Params._dummy(), "selection", "features to use")
    idCol = Param(Params._dummy(), "idCol", "identifier of a row", TypeConverters.toString)
    maxFits = Param(Params._dummy(), "maxFits", "most fits", TypeConverters.toInt)
    maxMinutes = Param(Params._dummy(), "maxMinutes", "most minutes", TypeConverters.toFloat)
    scratchDir = Param(Params._dummy(), "scratchDir", "shared folder", TypeConverters.toString)

    def setFoldFeatures(self, value: Sequence[str]) -> Self:
        """Set for each fold the column of features that were fitted without its rows."""
        return self._set(foldFeatures=value)

    def getFoldFeatures(self) -> list[str]:
        """Return for each fold the column of features that were fitted without its rows."""
        return self.getOrDefault(self.foldFeatures)

    def setSelection(self, value: Sequence[Sequence[int]]) -> Self:
        """Set the features to use, for each fold and for all rows."""
        return self._set(selection=value)

    def getSelection(self) -> list[list[int]]:
        """Return the features to use, for each fold and for all rows."""
        return self.getOrDefault(self.selection)

    def setIdCol(self, value: str) -> Self:
        """Set the column that identifies a row."""
        return self._set(idCol=value)

    def getIdCol(self) -> str:
        """Return the column that identifies a row."""
        return self.getOrDefault(self.idCol)

    def setMaxFits(self, value: int) -> Self:
        """Set how many fits are tried at most."""
        return self._set(maxFits=value)

    def getMaxFits(self) -> int:
        """Return how many fits are tried at most."""
        return self.getOrDefault(self.maxFits)

    def setMaxMinutes(self, value: float) -> Self:
        """Set how long points are tried at most."""
        return self._set(maxMinutes=value)

    def getMaxMinutes(self) -> float:
        """Return how long points are tried at most."""
        return self.getOrDefault(self.maxMinutes)

    def setScratchDir(self, value: str) -> Self:
        """Set the folder that all machines see."""
        return self._set(scratchDir=value)

    def getScratchDir(self) -> str:
        """Return the folder that all machines see."""
        return self.getOrDefault(self.scratchDir)
