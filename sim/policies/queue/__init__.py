"""Who goes first.

Enters: the columns of some jobs, and the time.   Leaves: a number a job, least first.
May import: state and the ground.   Must not know: SimPy, numba, where jobs sit.
To add one: a file here with one frozen class; a YAML in conf/queue/; a picture in tests/policies/.
Begin with: fifo.py, then wfp3.py (a key that time changes).
"""

from sim.policies.queue.allox import Allox
from sim.policies.queue.base import AbstractQueuePolicy, JobView
from sim.policies.queue.drf import Drf
from sim.policies.queue.edf import Edf
from sim.policies.queue.fifo import Fifo
from sim.policies.queue.gavel_cost import GavelCost
from sim.policies.queue.gavel_ftf import GavelFtf
from sim.policies.queue.gavel_isolated import GavelIsolated
from sim.policies.queue.gavel_makespan import GavelMakespan
from sim.policies.queue.gavel_max_min import GavelMaxMin
from sim.policies.queue.gittins import Gittins
from sim.policies.queue.las import Las
from sim.policies.queue.ljf import Ljf
from sim.policies.queue.multifactor import Multifactor
from sim.policies.queue.multifactor_classic import MultifactorClassic
from sim.policies.queue.priority import Priority
from sim.policies.queue.shockwave import Shockwave
from sim.policies.queue.sjf import Sjf
from sim.policies.queue.smallest import Smallest
from sim.policies.queue.srtf import Srtf
from sim.policies.queue.themis import Themis
from sim.policies.queue.tiresias import Tiresias
from sim.policies.queue.unicef import Unicef
from sim.policies.queue.wfp3 import Wfp3

__all__ = [
    "AbstractQueuePolicy",
    "Allox",
    "Drf",
    "Edf",
    "Fifo",
    "GavelCost",
    "GavelFtf",
    "GavelIsolated",
    "GavelMakespan",
    "GavelMaxMin",
    "Gittins",
    "JobView",
    "Las",
    "Ljf",
    "Multifactor",
    "MultifactorClassic",
    "Priority",
    "Shockwave",
    "Sjf",
    "Smallest",
    "Srtf",
    "Themis",
    "Tiresias",
    "Unicef",
    "Wfp3",
]
