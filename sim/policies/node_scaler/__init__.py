"""Which nodes come and go.

Enters: pools, nodes that are up, jobs that found no place (`sim.state.scaling.FleetSeen`); notes.
Leaves: a `NodeWish`: nodes to ask for by pool, nodes to give back, notes for the next asking.
May import: state, the ground.   Must not know: SimPy, numba, the kernels.
To add one: a file here with one frozen class.
Begin with: none.py, then cloud_burst.py, then cluster_autoscaler.py.
"""

from sim.policies.node_scaler.base import AbstractNodeScaler
from sim.policies.node_scaler.cloud_burst import CloudBurst
from sim.policies.node_scaler.cluster_autoscaler import ClusterAutoscaler
from sim.policies.node_scaler.karpenter import Karpenter
from sim.policies.node_scaler.lending import Lending
from sim.policies.node_scaler.none import NoNodeScaler
from sim.policies.node_scaler.power_down import PowerDown

__all__ = [
    "AbstractNodeScaler",
    "CloudBurst",
    "ClusterAutoscaler",
    "Karpenter",
    "Lending",
    "NoNodeScaler",
    "PowerDown",
]
