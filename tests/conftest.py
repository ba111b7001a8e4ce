"""Three words for tests: `run` a small scenario, look at its `gantt`, find the `shared` truth."""

from pathlib import Path

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.policies.backfill import NoBackfill
from sim.policies.placement import FirstFit
from sim.policies.queue import Fifo
from sim.state import Inventory, Pool
from sim.workload import Given

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data"


def shared(*parts):
    """Return a truth file that lies beside the checkout; skip where it does not."""
    path = (ROOT.parent / "shared").joinpath(*parts)
    if not path.exists():
        pytest.skip(f"the truth is not here: shared/{'/'.join(parts)}")
    return path


def columns(jobs):
    """Return job_request columns of rows (submit_s, gpus, work_s[, walltime_s])."""
    if isinstance(jobs, dict):
        made = dict(jobs)
    else:
        names = ("submit_s", "gpus", "work_s", "walltime_s")[: len(jobs[0])]
        made = {n: np.array([row[i] for row in jobs], float) for i, n in enumerate(names)}
        made["gpus"] = made["gpus"].astype(np.int32)
    made.setdefault("job_id", [str(i) for i in range(len(made["submit_s"]))])
    return made


def cluster(nodes=1, gpus=8, cpus=None, mem_bytes=None):
    """Return an inventory of one pool."""
    return Inventory((Pool("n", nodes, gpus, "gpu", cpus, mem_bytes),))


def run(jobs, nodes=1, gpus=8, inventory=None, seed=1, **choices):
    """Return the Result of a small scenario; strict FIFO and first fit unless chosen otherwise."""
    chosen = {"queue": Fifo(), "backfill": NoBackfill(), "placement": FirstFit()} | choices
    scenario = Scenario(
        cluster=inventory or cluster(nodes, gpus), workload=Given(columns(jobs)), **chosen
    )
    return simulate(scenario, seed)


def starts(result):
    """Return the start of each job in order of its number."""
    jobs = result.jobs.select(["job_id", "start_s"]).to_pydict()
    made = dict(zip(jobs["job_id"], jobs["start_s"], strict=True))
    return [made[str(i)] for i in range(len(made))]


def gantt(result, width=60):
    """Return the schedule as text, a line a job: what one looks at when a test fails."""
    rows = [r for r in result.ledger.to_pylist() if r["job_id"] is not None]
    end = max((r["end_s"] or r["start_s"] for r in rows), default=1.0) or 1.0
    lines = []
    for r in rows:
        a = int(width * r["start_s"] / end)
        b = max(a + 1, int(width * (r["end_s"] or end) / end))
        lines.append(f"{r['job_id']:>4} {r['node']:<6}{r['gpus']:>3} {' ' * a}{'#' * (b - a)}")
    return "\n".join(lines)
