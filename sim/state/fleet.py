"""How nodes stand that come and go."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from sim.state.supply import Terms


class Stage(IntEnum):
    """How a node stands."""

    ABSENT = 0
    """Not bought yet, or retired."""
    OFF = 1
    """Could be asked for: off, or the provider's."""
    COMING = 2
    """Asked for: boots, is provisioned, wakes."""
    ON = 3
    """Takes jobs, unless it has failed."""
    LEAVING = 4
    """Takes no new jobs, and goes when it is empty, or after its notice."""
    LENT = 5
    """Others have it, until it is asked for."""


class Span(NamedTuple):
    """How one node stood, from when to when, and why it changed then."""

    node: int
    stage: int
    begin_s: float
    end_s: float
    why: str
    due_s: float  # by then it was to be gone; nan: not told


class Stopped(NamedTuple):
    """One job that was stopped because its node was to go."""

    job: int
    node: int
    at_s: float
    why: str
    lost_s: float


class Fled(NamedTuple):
    """What became of nodes that came and went."""

    terms: tuple[Terms, ...]
    spans: list[Span]
    stopped: list[Stopped]
    notes: list[str]
