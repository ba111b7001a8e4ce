"""Numbers that follow from a Result and from nothing else.

Enters: a Result.   Leaves: a number, or a mapping of numbers.
May import: the tables.   Must not know: the State, the engine, who asks.
To add one: a pure function here, and its line in summary.py.
Begin with: jobs.py, then summary.py.
"""

from sim.results.metrics import services
from sim.results.metrics.summary import summary

__all__ = ["services", "summary"]
