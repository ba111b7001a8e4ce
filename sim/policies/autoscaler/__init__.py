"""How many replicas a service has.

Enters: what a real autoscaler could have seen by then (`sim.state.scaling.Seen`), and its notes.
Leaves: a `Wish`: a number of replicas, and notes for the next asking.
May import: state, physics, the ground.   Must not know: SimPy, numba, requests one by one.
To add one: a file here with one frozen class; a YAML in conf/autoscaler/.
Begin with: static_peak.py, then hpa.py, then kpa.py.

One of your own, in a file my_scaler.py in the current directory:

    from dataclasses import dataclass
    from sim.policies.autoscaler.base import NOTHING, AbstractAutoscaler, Wish

    @dataclass(frozen=True)
    class ByQueue(AbstractAutoscaler):
        '''One replica more while many requests wait, one less while none does.'''

        most_waiting: float = 4.0  # a replica

        def desired(self, seen, notes):
            have, waiting = seen.ready + seen.starting, seen.replica_waiting.sum()
            if waiting > self.most_waiting * have:
                return Wish(have + 1, NOTHING)
            return Wish(have if waiting else have - 1, NOTHING)

`rackplan experiment=serving autoscaler._target_=my_scaler.ByQueue autoscaler.most_waiting=8` runs
it. What `seen` has, and `Wish`: sim/state/scaling.py; what else may be said, as how often it is
asked (`every_s`), what is there at the start (`start`), or one answer for all services
(`together`): base.py. What it is to remember are notes, rows of (what, when_s, value): memory.py.
"""

from sim.policies.autoscaler.base import AbstractAutoscaler
from sim.policies.autoscaler.by_pool import ByPool
from sim.policies.autoscaler.dynamo import Dynamo
from sim.policies.autoscaler.hpa import Hpa
from sim.policies.autoscaler.keda import Keda
from sim.policies.autoscaler.kpa import Kpa
from sim.policies.autoscaler.none import NoAutoscaler
from sim.policies.autoscaler.oracle import Oracle
from sim.policies.autoscaler.predictive import Predictive
from sim.policies.autoscaler.ray_serve import RayServe
from sim.policies.autoscaler.sage_serve import SageServe
from sim.policies.autoscaler.scheduled import Scheduled
from sim.policies.autoscaler.slo_driven import SloDriven
from sim.policies.autoscaler.static_peak import StaticPeak
from sim.policies.autoscaler.step_scaling import StepScaling
from sim.policies.autoscaler.target_tracking import TargetTracking
from sim.policies.autoscaler.wva import Wva

__all__ = [
    "AbstractAutoscaler",
    "ByPool",
    "Dynamo",
    "Hpa",
    "Keda",
    "Kpa",
    "NoAutoscaler",
    "Oracle",
    "Predictive",
    "RayServe",
    "SageServe",
    "Scheduled",
    "SloDriven",
    "StaticPeak",
    "StepScaling",
    "TargetTracking",
    "Wva",
]
