"""How much of the cluster each queue may hold, what queues lend each other, and who takes it back.

Enters: nothing but knobs.   Leaves: a `Tree`, names and numbers that become a State's columns.
May import: state and the ground.   Must not know: SimPy, numba, the queue's order, nodes.
To add one: a file here with one frozen class; a YAML in conf/quota/.
Begin with: kueue.py, then base.py.
"""

from sim.policies.quota.base import AbstractQuota
from sim.policies.quota.kai import Kai
from sim.policies.quota.kueue import Kueue
from sim.policies.quota.none import NoQuota
from sim.policies.quota.slurm_limits import SlurmLimits
from sim.policies.quota.volcano import Volcano

__all__ = ["AbstractQuota", "Kai", "Kueue", "NoQuota", "SlurmLimits", "Volcano"]
