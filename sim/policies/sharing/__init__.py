"""How jobs get on that share a GPU: how fast each of k neighbours is, and where MIG instances lie.

Enters: nothing but knobs.   Leaves: a `Share`, numbers that the kernels read.
May import: state and the ground.   Must not know: SimPy, numba, which jobs meet.
To add one: a file here with one frozen class; a YAML in conf/sharing/.
Begin with: time_slicing.py.
"""

from sim.policies.sharing.base import AbstractSharing
from sim.policies.sharing.mps import Mps
from sim.policies.sharing.none import NoInterference
from sim.policies.sharing.time_slicing import TimeSlicing

__all__ = ["AbstractSharing", "Mps", "NoInterference", "TimeSlicing"]
