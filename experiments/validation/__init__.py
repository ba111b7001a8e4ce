"""rackplan beside what nobody here wrote: a table and a picture of all that can be compared.

The truth lies beside a checkout, in `../shared/groundtruth`, or is shipped in `tests/data`.
"""

from __future__ import annotations

import csv
from pathlib import Path

from sim import Scenario, simulate
from sim.policies.backfill import NoBackfill
from sim.policies.placement import FirstFit
from sim.policies.queue import Fifo
from sim.results import Result
from sim.state import Inventory, Pool
from sim.workload import Given

ROOT = Path(__file__).resolve().parents[2]


class AbsentError(Exception):
    """A truth file is not on this machine."""


def truth(*parts: str) -> Path:
    """Return a truth file, the shipped one where it is shipped; AbsentError where there is none."""
    for path in (ROOT / "tests" / "data", ROOT.parent / "shared" / "groundtruth"):
        if path.joinpath(*parts).exists():
            return path.joinpath(*parts)
    raise AbsentError("/".join(parts))


def rows(*parts: str) -> list[dict[str, str]]:
    """Return the rows of a truth file."""
    with truth(*parts).open() as file:
        return list(csv.DictReader(file))


def run(jobs: dict[str, object], nodes: int, gpus: int, **choices: object) -> Result:
    """Return a run on nodes alike; strict FIFO and first fit unless chosen otherwise."""
    chosen = {"queue": Fifo(), "backfill": NoBackfill(), "placement": FirstFit()} | choices
    cluster = Inventory((Pool("n", nodes, gpus, "gpu", None, None),))
    return simulate(Scenario(cluster=cluster, workload=Given(jobs), **chosen), 1)
