"""Where a gang sits.

Enters: the nodes, and the levels of free GPUs.   Leaves: a Preference: numbers, least first.
May import: state and the ground.   Must not know: SimPy, numba, who goes first.
To add one: a file here with one frozen class; a YAML in conf/placement/; a picture in its tests.
Begin with: pack.py, then random.py.
"""

from sim.policies.placement.base import AbstractPlacement, Preference
from sim.policies.placement.best_fit import BestFit
from sim.policies.placement.consecutive import Consecutive
from sim.policies.placement.fewest_nodes import FewestNodes
from sim.policies.placement.first_fit import FirstFit
from sim.policies.placement.pack import Pack
from sim.policies.placement.random import Random
from sim.policies.placement.spread import Spread

__all__ = [
    "AbstractPlacement",
    "BestFit",
    "Consecutive",
    "FewestNodes",
    "FirstFit",
    "Pack",
    "Preference",
    "Random",
    "Spread",
]
