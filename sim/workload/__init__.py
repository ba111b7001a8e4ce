"""Where jobs come from: traces and laws.

Enters: a file or the parameters of a law.   Leaves: a Request, one table of jobs.
May import: the ground, pyarrow.   Must not know: policies, kernels, time, SimPy.
To add a trace: a file in traces/ with one function `read`; a row in traces/__init__.py; a fixture.
To add a law: a frozen class in arrivals.py, durations.py or sizes.py.
Begin with: base.py, given.py, then synthetic.py.
"""

from sim.workload.base import AbstractWorkload, Request
from sim.workload.given import Given
from sim.workload.trace import Trace
from sim.workload.transform import (
    AbstractTransform,
    BlockResample,
    Cut,
    ScaleLoad,
    ScaleSize,
    Shift,
    Thin,
)

__all__ = [
    "AbstractTransform",
    "AbstractWorkload",
    "BlockResample",
    "Cut",
    "Given",
    "Request",
    "ScaleLoad",
    "ScaleSize",
    "Shift",
    "Thin",
    "Trace",
]
