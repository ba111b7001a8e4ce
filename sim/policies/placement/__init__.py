"""Where a gang sits.

Enters: the nodes, and the levels of free GPUs.   Leaves: a Preference, numbers, least first;
or a Scoring, what each term of a node's score weighs.
May import: state and the ground.   Must not know: SimPy, numba, who goes first.
To add one: a file here with one frozen class; a YAML in conf/placement/; a picture in its tests.
Begin with: pack.py, then random.py; gpu_packing.py for one that scores.
"""

from sim.policies.placement.balanced_allocation import BalancedAllocation
from sim.policies.placement.base import AbstractPlacement, Preference, Scoring
from sim.policies.placement.best_fit import BestFit
from sim.policies.placement.best_fit_vector import BestFitVector
from sim.policies.placement.consecutive import Consecutive
from sim.policies.placement.dot_product import DotProduct
from sim.policies.placement.fewest_hops import FewestHops
from sim.policies.placement.fewest_nodes import FewestNodes
from sim.policies.placement.fgd import Fgd
from sim.policies.placement.first_fit import FirstFit
from sim.policies.placement.gpu_clustering import GpuClustering
from sim.policies.placement.gpu_packing import GpuPacking
from sim.policies.placement.kai_topology import KaiTopology
from sim.policies.placement.kube_default import KubeDefault
from sim.policies.placement.kueue_tas import KueueTas
from sim.policies.placement.least_allocated import LeastAllocated
from sim.policies.placement.least_contention import LeastContention
from sim.policies.placement.most_allocated import MostAllocated
from sim.policies.placement.pack import Pack
from sim.policies.placement.random import Random
from sim.policies.placement.requested_to_capacity_ratio import RequestedToCapacityRatio
from sim.policies.placement.scored import AbstractScored
from sim.policies.placement.slurm_block import SlurmBlock
from sim.policies.placement.slurm_tree import SlurmTree
from sim.policies.placement.spread import Spread
from sim.policies.placement.uniform import Uniform
from sim.policies.placement.volcano_topology import VolcanoTopology

__all__ = [
    "AbstractPlacement",
    "AbstractScored",
    "BalancedAllocation",
    "BestFit",
    "BestFitVector",
    "Consecutive",
    "DotProduct",
    "FewestHops",
    "FewestNodes",
    "Fgd",
    "FirstFit",
    "GpuClustering",
    "GpuPacking",
    "KaiTopology",
    "KubeDefault",
    "KueueTas",
    "LeastAllocated",
    "LeastContention",
    "MostAllocated",
    "Pack",
    "Preference",
    "Random",
    "RequestedToCapacityRatio",
    "Scoring",
    "SlurmBlock",
    "SlurmTree",
    "Spread",
    "Uniform",
    "VolcanoTopology",
]
