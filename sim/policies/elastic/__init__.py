"""How many GPUs elastic jobs have.

Enters: columns of the jobs that run and wait, and the GPUs there are.   Leaves: a size each.
May import: state, the queue's view of jobs, the ground.   Must not know: SimPy, numba, places.
To add one: a file here with one frozen class; a YAML in conf/elastic/.
Begin with: equal_shares.py, then marginal.py, then goodput.py.
"""

from sim.policies.elastic.amdahl import Amdahl
from sim.policies.elastic.base import AbstractElastic, ElasticView
from sim.policies.elastic.equal_shares import EqualShares
from sim.policies.elastic.goodput import Goodput
from sim.policies.elastic.marginal import Marginal
from sim.policies.elastic.measured import Measured
from sim.policies.elastic.none import NoElastic
from sim.policies.elastic.pollux import Pollux
from sim.policies.elastic.power import Power
from sim.policies.elastic.speedup import AbstractSpeedup

__all__ = [
    "AbstractElastic",
    "AbstractSpeedup",
    "Amdahl",
    "ElasticView",
    "EqualShares",
    "Goodput",
    "Marginal",
    "Measured",
    "NoElastic",
    "Pollux",
    "Power",
]
