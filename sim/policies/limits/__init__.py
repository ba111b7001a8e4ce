"""What walltimes mean: whether jobs are ended at them, and how late.

Enters: nothing but knobs.   Leaves: a `Limits`, numbers that the kernel reads.
May import: state and the ground.   Must not know: SimPy, numba, jobs.
To add one: a file here with one frozen class; a YAML in conf/limits/.
Begin with: walltime.py.
"""

from sim.policies.limits.base import AbstractLimits
from sim.policies.limits.walltime import Walltime

__all__ = ["AbstractLimits", "Walltime"]
