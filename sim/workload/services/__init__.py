"""Services: what answers requests, and what may be asked of it.

Enters: parameters.   Leaves: what a study needs to run a service: requests, replicas, limits.
May import: the ground, requests.   Must not know: policies, kernels, SimPy.
To add a stage of a cold start, a kind of replica: a frozen class here, a YAML in conf/services/.
Begin with: base.py, then llm.py.
"""

from sim.workload.services.base import (
    AbstractColdStart,
    AbstractOrder,
    AbstractPool,
    AbstractReplica,
    AbstractServices,
    NoServices,
    Several,
)
from sim.workload.services.llm import LlmService, Stages
from sim.workload.services.measured import MeasuredReplica
from sim.workload.services.model import ModelReplica
from sim.workload.services.order import ByPriority, FirstCome
from sim.workload.services.pools import LlmPools, Pool
from sim.workload.services.replica import LlmReplica

__all__ = [
    "AbstractColdStart",
    "AbstractOrder",
    "AbstractPool",
    "AbstractReplica",
    "AbstractServices",
    "ByPriority",
    "FirstCome",
    "LlmPools",
    "LlmReplica",
    "LlmService",
    "MeasuredReplica",
    "ModelReplica",
    "NoServices",
    "Pool",
    "Several",
    "Stages",
]
