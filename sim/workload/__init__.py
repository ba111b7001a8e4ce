"""Where jobs come from, traces and laws; and nodes that come from a file.

Enters: a file or the parameters of a law.   Leaves: a Request, one table of jobs.
May import: the ground, state's inventory, pyarrow.   Must not know: policies, kernels, SimPy.
To add a trace: a file in traces/ with one function `read`; a row in traces/__init__.py; a fixture.
To add a law: a frozen class in arrivals.py, durations.py or sizes.py.
Begin with: base.py, given.py, then synthetic.py.
"""

from sim.workload.arrivals import AbstractArrivals, Gamma, Poisson, Profile, Switched
from sim.workload.base import AbstractWorkload, Request
from sim.workload.by_model import ByModel
from sim.workload.comm import AbstractComm, ByClass, SameForAll
from sim.workload.durations import (
    AbstractDuration,
    Empirical,
    Exponential,
    Fixed,
    HyperExponential,
    LogNormal,
    Pareto,
)
from sim.workload.elastic import MakeElastic
from sim.workload.factors import AbstractFactor, Constant, LogUniform, Uniform
from sim.workload.given import Given, NoJobs
from sim.workload.node_list import NodeList
from sim.workload.sizes import AbstractSizes, Mix
from sim.workload.storage import AbstractStorage, Checkpoints, NoStorage
from sim.workload.synthetic import Synthetic
from sim.workload.trace import Trace
from sim.workload.transform import (
    AbstractTransform,
    BlockResample,
    Cut,
    ScaleLoad,
    ScaleSize,
    Shift,
    Thin,
    offered_load,
)

__all__ = [
    "AbstractArrivals",
    "AbstractComm",
    "AbstractDuration",
    "AbstractFactor",
    "AbstractSizes",
    "AbstractStorage",
    "AbstractTransform",
    "AbstractWorkload",
    "BlockResample",
    "ByClass",
    "ByModel",
    "Checkpoints",
    "Constant",
    "Cut",
    "Empirical",
    "Exponential",
    "Fixed",
    "Gamma",
    "Given",
    "HyperExponential",
    "LogNormal",
    "LogUniform",
    "MakeElastic",
    "Mix",
    "NoJobs",
    "NoStorage",
    "NodeList",
    "Pareto",
    "Poisson",
    "Profile",
    "Request",
    "SameForAll",
    "ScaleLoad",
    "ScaleSize",
    "Shift",
    "Switched",
    "Synthetic",
    "Thin",
    "Trace",
    "Uniform",
    "offered_load",
]
