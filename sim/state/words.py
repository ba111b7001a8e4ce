"""The closed lists of words: how a job stands, and why it left its GPUs."""

from __future__ import annotations

from enum import IntEnum


class JobState(IntEnum):
    """How a job stands. Columns hold the integer, Parquet the lower-case name."""

    UNBORN = 0
    """Not submitted yet, or not yet eligible."""
    WAITING = 1
    """Eligible, and holding nothing."""
    RUNNING = 2
    """Holds all its GPUs."""
    COMPLETED = 3
    """Did all its work."""
    FAILED = 4
    """Did as much as in the trace, where it failed."""
    CANCELLED = 5
    """Its user gave up, waiting or running."""
    TIMEOUT = 6
    """Was ended at its walltime."""
    NODE_FAIL = 7
    """Was lost with a node in the trace."""
    PREEMPTED = 8
    """Was evicted in the trace."""
    OUT_OF_MEMORY = 9
    """Ran out of memory in the trace."""
    UNFIT = 10
    """Can never fit this cluster: reported, not waited for."""


class Ended(IntEnum):
    """Why a row of the ledger ended."""

    OPEN = 0
    """It has not."""
    DONE = 1
    """The job ended."""
    NODE_FAIL = 2
    """A node of the gang failed; the job went back to the queue."""
    PREEMPTED = 3
    """The job was evicted."""
    REPAIRED = 4
    """An outage of the node is over."""
    CUT = 5
    """The run stopped here."""
