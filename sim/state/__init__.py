"""What changes in a run: columns, and nothing that acts.

Enters: tables of jobs and nodes.   Leaves: a State, which the kernels write.
May import: the ground (and numba, in handle.py).   Must not know: time, policies, files.
To add a column: a field in columns.py with its unit in the name; its first value in build.py.
Begin with: words.py (the states), then columns.py.
"""

from sim.state.answers import Rule, Taste
from sim.state.growth import AbstractGrowth, NoGrowth, PurchasePlan
from sim.state.handle import State
from sim.state.inventory import AbstractCluster, Homogeneous, Inventory, Pool, Pools
from sim.state.joins import AbstractCables, AbstractFabric, NoFabric
from sim.state.supply import AbstractSupply, Supply
from sim.state.words import Ended, JobState

__all__ = [
    "AbstractCables",
    "AbstractCluster",
    "AbstractFabric",
    "AbstractGrowth",
    "AbstractSupply",
    "Ended",
    "Homogeneous",
    "Inventory",
    "JobState",
    "NoFabric",
    "NoGrowth",
    "Pool",
    "Pools",
    "PurchasePlan",
    "Rule",
    "State",
    "Supply",
    "Taste",
]
