"""Batches of a stream that are limited, which came with Spark 4.2."""

from __future__ import annotations

from pyspark.sql.streaming.datasource import (
    ReadAllAvailable,
    ReadLimit,
    ReadMaxFiles,
    SupportsTriggerAvailableNow,
)

from galspec_spark.datasource.one_line import in_one_line
from galspec_spark.datasource.stream import Offset, SpectraStream


class LimitedStream(SpectraStream, SupportsTriggerAvailableNow):
    """Takes at most ``maxFilesPerTrigger`` files as one batch; ends where it is told to."""

    _end: int | None = None  #: of a query that takes what is there when it starts

    def getDefaultReadLimit(self) -> ReadLimit:
        """Return the limit of a batch."""
        most = self._options.max_files_per_trigger
        return ReadAllAvailable() if most is None else ReadMaxFiles(most)

    @in_one_line()
    def prepareForTriggerAvailableNow(self) -> None:
        """Take what is new, and nothing that comes later."""
        self._end = self.take()

    @in_one_line()
    def latestOffset(self, start: Offset, limit: ReadLimit) -> Offset:  # type: ignore[override]
        """Return the end of the next batch; look for new files only where the list has too few."""
        begin, known = self.position(start), len(self.log)
        stop = begin + limit.max_files if isinstance(limit, ReadMaxFiles) else None
        if self._end is not None:
            known = self._end
        elif stop is None or stop > known:
            known = self.take()
        return self.offset(known if stop is None else min(stop, known))
