"""How many replicas a service has.

Enters: what a real autoscaler could have seen by then (`sim.state.scaling.Seen`), and its notes.
Leaves: a `Wish`: a number of replicas, and notes for the next asking.
May import: state, physics, the ground.   Must not know: SimPy, numba, requests one by one.
To add one: a file here with one frozen class; a YAML in conf/autoscaler/.
Begin with: static_peak.py, then hpa.py, then kpa.py.
"""

from sim.policies.autoscaler.base import AbstractAutoscaler
from sim.policies.autoscaler.static_peak import StaticPeak

__all__ = ["AbstractAutoscaler", "StaticPeak"]
