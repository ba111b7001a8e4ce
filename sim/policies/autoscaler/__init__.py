"""How many replicas a service has.

Enters: what a real autoscaler could have seen by then (`sim.state.scaling.Seen`), and its notes.
Leaves: a `Wish`: a number of replicas, and notes for the next asking.
May import: state, physics, the ground.   Must not know: SimPy, numba, requests one by one.
To add one: a file here with one frozen class; a YAML in conf/autoscaler/.
Begin with: static_peak.py, then hpa.py, then kpa.py.
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
