"""Questions: a scenario, and the run that answers it.

Enters: a Scenario and a seed.   Leaves: a Result.
May import: everything below it.   Must not know: Hydra, terminals, pages.
To add one: a file here (replicate, sweep, search) that calls simulate.
Begin with: scenario.py, then simulate.py.
"""

from sim.study.scenario import Scenario
from sim.study.simulate import Progress, simulate

__all__ = ["Progress", "Scenario", "simulate"]
