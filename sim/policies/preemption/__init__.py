"""Who gives way: whether running jobs are interrupted for waiting ones, which, and at what cost.

Enters: nothing but knobs.   Leaves: a `Yield`, numbers that the kernel reads.
May import: state and the ground.   Must not know: SimPy, numba, the queue's order.
To add one: a file here with one frozen class; a YAML in conf/preemption/.
Begin with: tail.py, then rebuild.py.
"""

from sim.policies.preemption.base import AbstractPreemption
from sim.policies.preemption.consolidate import Consolidate
from sim.policies.preemption.none import NoPreemption
from sim.policies.preemption.qos import ByQos
from sim.policies.preemption.rebuild import Rebuild
from sim.policies.preemption.reclaim import Reclaim
from sim.policies.preemption.tail import Tail

__all__ = [
    "AbstractPreemption",
    "ByQos",
    "Consolidate",
    "NoPreemption",
    "Rebuild",
    "Reclaim",
    "Tail",
]
