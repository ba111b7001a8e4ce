"""rackplan beside what nobody here wrote: a table and a picture of all that can be compared.

The truth lies beside a checkout, in `../shared/groundtruth`, or is shipped in `tests/data`.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

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


def jobs_of(*parts: str) -> dict[str, object]:
    """Return the jobs of a neutral trace."""
    told = rows(*parts)
    work = "duration_s"
    return {
        "job_id": [r["job_id"] for r in told],
        "submit_s": np.array([float(r["submit_s"]) for r in told]),
        "gpus": np.array([int(r["gpus"]) for r in told], np.int32),
        "work_s": np.array([float(r[work]) for r in told]),
    }


def run(jobs: dict[str, object], nodes: int = 1, gpus: int = 1, **choices: object) -> Result:
    """Return a run on nodes alike; strict FIFO and first fit unless chosen otherwise."""
    chosen = {
        "cluster": Inventory((Pool("n", nodes, gpus, "gpu", None, None),)),
        "queue": Fifo(),
        "backfill": NoBackfill(),
        "placement": FirstFit(),
    } | choices
    return simulate(Scenario(workload=Given(jobs), **chosen), 1)
