"""The closed lists of words: how a job stands, why it left its GPUs, what nodes are scored by."""

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
    NEVER = 11
    """Waits for what can no more come, such as the success of a job that failed: reported."""


class Term(IntEnum):
    """What a placement may score a node by, each a whole number from 0 to 100."""

    FRAGMENT = 0
    """What fewer fragments the job would leave."""
    LEFT = 1
    """How little of cores and GPUs it would leave."""
    DOT = 2
    """How little the job's wish and what is free point the same way."""
    PACKING = 3
    """Partly used devices before whole ones, used nodes before empty ones."""
    CLUSTERING = 4
    """Nodes that hold jobs of the same number of GPUs."""
    MOST = 5
    """How full the node would be."""
    LEAST = 6
    """How empty the node would be."""
    SHAPE = 7
    """How full it would be, by a shape of points."""
    BALANCE = 8
    """How evenly full its resources would be."""


class Cause(IntEnum):
    """What may slow or speed a running job besides its kind of node; a factor of its rate each."""

    SIZE = 0
    """It runs on more or fewer GPUs than its work was told for."""
    SHARED = 1
    """Others compute on the same devices."""
    FABRIC = 2
    """Others send over the same links."""
    NODE = 3
    """Its slowest node."""


class Phase(IntEnum):
    """What a job on a fabric does now."""

    MEAN = 0
    """All of its step at once, each for its part of the time."""
    COMPUTES = 1
    """Nothing of its step goes over links."""
    BOTH = 2
    """It computes and sends what may be sent beside."""
    WAITS = 3
    """It has computed; what could be sent beside that is not sent yet."""
    SENDS = 4
    """It sends what could not be sent before."""


class After(IntEnum):
    """What a job may wait for of another."""

    START = 0
    """That it has started, or was cancelled before."""
    ANY = 1
    """That it has ended."""
    OK = 2
    """That it has completed."""
    NOT_OK = 3
    """That it has ended, but not completed."""


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
    RESIZED = 6
    """The job went on with more GPUs or fewer."""
    SUSPENDED = 7
    """The job was suspended; it goes on where it was."""
    ABSENT = 8
    """Not there: the node was off, lent, or not bought, from this row's start to its end."""


class Going(IntEnum):
    """Why a node scaler gives a node back."""

    GIVEN_BACK = 0
    """Nobody here needs it: it is off, or its provider's again."""
    LENT = 1
    """Others want it, and have it until it is asked for again."""


class Way(IntEnum):
    """Whether jobs of one quality of service take nodes from running jobs of another."""

    NEVER = 0
    ALWAYS = 1
    BEHIND = 2
    """Only where the running job stands behind in the queue's order."""
