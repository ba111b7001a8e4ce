"""The start rule: what may start behind a blocked job, and what is kept for it.

Enters: knobs.   Leaves: a Rule, a few numbers that the kernels read.
May import: state and the ground.   Must not know: SimPy, numba, which queue policy is at work.
To add one: a file here with one frozen class; a YAML in conf/backfill/; a picture in its tests.
Begin with: none.py, then easy.py.
"""

from sim.policies.backfill.base import AbstractBackfill
from sim.policies.backfill.conservative import Conservative
from sim.policies.backfill.easy import Easy
from sim.policies.backfill.none import NoBackfill
from sim.policies.backfill.skip import Skip
from sim.policies.backfill.slurm import Slurm

__all__ = ["AbstractBackfill", "Conservative", "Easy", "NoBackfill", "Skip", "Slurm"]
