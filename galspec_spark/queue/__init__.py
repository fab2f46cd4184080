"""The inspection queue: the spectra whose label would teach a model most."""

from galspec_spark.queue.priority import REASONS as QUEUE_REASONS
from galspec_spark.queue.stage import (
    CSV,
    inspection_queue,
    read_queue,
    reason_counts,
    write_queue,
)

__all__ = [
    "CSV",
    "QUEUE_REASONS",
    "inspection_queue",
    "read_queue",
    "reason_counts",
    "write_queue",
]
