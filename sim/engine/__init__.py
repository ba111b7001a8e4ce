"""Time: SimPy's clock with a compiled lane, and the processes that live on it.

Enters: a State.   Leaves: the same State at the end of the run, its ledger full.
May import: kernel, state, the ground (and simpy).   Must not know: policies, workloads, files.
To add one: a process in a file here, a frozen AbstractProcess whose `begin` starts it.
Begin with: clock.py (how the two kinds of event meet), then spells.py and failures.py.
"""

from sim.engine.clock import Clock
from sim.engine.cluster import AbstractProcess, Cluster
from sim.engine.failures import Failures
from sim.engine.interrupt import Stop, interruptible
from sim.engine.link_failures import LinkFailures
from sim.engine.patience import relent
from sim.engine.phases import Phases
from sim.engine.reservations import Reservations
from sim.engine.slow_nodes import SlowNodes
from sim.engine.switch_failures import SwitchFailures

__all__ = [
    "AbstractProcess",
    "Clock",
    "Cluster",
    "Failures",
    "LinkFailures",
    "Phases",
    "Reservations",
    "SlowNodes",
    "Stop",
    "SwitchFailures",
    "interruptible",
    "relent",
]
