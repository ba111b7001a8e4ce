"""At any instant each sender has what its links give it, the others counted as they send then."""

import numpy as np
import pytest

from sim import Scenario
from sim.engine import Failures
from sim.policies.backfill import Skip
from sim.policies.placement import Random
from sim.rng import Streams
from sim.state import Inventory, Pool
from sim.study.prepare import prepared
from sim.study.simulate import run
from sim.workload import Checkpoints, Given
from tests.plain.test_same import workload
from topologies.designs import DragonflyPlus, LeafSpine, RailOptimized, Torus

FABRICS = {
    "torus": (36, Torus(dimensions=2)),
    "dragonfly": (32, DragonflyPlus(radix=8)),
    "rails": (32, RailOptimized(rails=4, radix=8, tiers=3, routing="ecmp", queue_pairs=2)),
    "tree": (32, LeafSpine(4, 2, oversubscription=4.0)),
}


def crowd(seed: int, nodes: int, overlaps: list[float]) -> dict:
    """Return 40 jobs over several nodes each, of every duty, with one of these overlaps."""
    made = workload(seed, 40, (Pool("n", nodes, 8, "a"),), 2.5)
    rng = np.random.default_rng(seed)
    made["gpus"], made["gpu_types"] = rng.choice([16, 24, 32, 40, 64], 40), [None] * 40
    made["comm_fraction"], made["comm_overlap"] = rng.uniform(0.05, 1, 40), rng.choice(overlaps, 40)
    made["comm_pattern"] = rng.choice(np.array(["ring", "all_to_all"], object), 40).tolist()
    made["checkpoint_bytes"] = np.where(rng.random(40) < 0.5, 0.0, rng.uniform(1e9, 3e11, 40))
    return {name: made[name] for name in made if name not in ("nodes", "gpus_per_node")}


def entries(f, sender: int) -> list[int]:
    """Return the entries of a sender."""
    found, e = [], int(f.first[sender])
    while e >= 0:
        found.append(e)
        e = int(f.next[e])
    return found


def given(f, own: int, others: list[int]) -> float:
    """Return the share at which the link of an entry is full, linear between others' shares."""
    part, share = f.part[f.job[others]], f.share[f.job[others]]

    def over_Bps(x: float) -> float:  # noqa: N802 (a unit)
        sent_Bps = (part * f.use_Bps[others] * np.minimum(share, x)).sum()
        return float(f.use_Bps[own] * x + sent_Bps - f.capacity_Bps[f.link[own]])

    top = float(f.top[f.job[own]])
    steps = np.unique(np.append(share[share < top], [0.0, top]))
    full = [over_Bps(x) > 0.0 for x in steps]
    if not any(full):
        return top
    low, high = steps[full.index(True) - 1], steps[full.index(True)]
    return float(low - over_Bps(low) * (high - low) / (over_Bps(high) - over_Bps(low)))


CASES = [
    (name, more)
    for name in FABRICS
    for more in ("alone", "failures", "beside", "after")
    if name == "tree" or more in ("alone", "failures")  # storage hangs above trees
]


@pytest.mark.parametrize("overlaps", [[0.0], [0.0, 0.3, 1.0], [1.0]], ids=["none", "some", "all"])
@pytest.mark.parametrize(("name", "more"), CASES)
def test_each_has_what_its_links_give(name, more, overlaps):
    """Whatever came before: of all runs to a horizon, the shares that then hold."""
    nodes, fabric = FABRICS[name]
    rooms = {"fabric": fabric, "placement": Random(), "backfill": Skip()}
    if more == "failures":
        rooms["processes"] = (Failures(mtbf_s=3000.0, repair_s=60.0),)
    if more in ("beside", "after"):
        rooms["storage"] = Checkpoints(2e9, 10.0, more == "after", 60e9)
    pool, bound = Inventory((Pool("n", nodes, 8, "a"),)), 0
    for seed in range(12):
        told = Scenario(
            pool, Given(crowd(seed, nodes, overlaps)), horizon_s=200.0 + 25 * seed, **rooms
        )
        state = prepared(
            told, pool, told.workload.request(Streams(seed), pool.gpus).jobs, Streams(seed)
        )
        state, *_ = run(told, state, Streams(seed), None)
        f, jobs = state.fabric, len(state.fabric.ran_s)
        mine = {int(j): entries(f, int(j)) for j in np.flatnonzero(f.spans)}
        users: dict[int, list[int]] = {}
        for own in mine.values():
            for e in own:
                users.setdefault(int(f.link[e]), []).append(e)
        for job, own in mine.items():
            mate = job - jobs if job >= jobs else job + jobs  # a job's writes, or whose they are
            silent = {job, mate} if more == "after" else {job}  # the one waits for the other
            heard = ([o for o in users[int(f.link[e])] if int(f.job[o]) not in silent] for e in own)
            levels = [given(f, e, others) for e, others in zip(own, heard, strict=True)]
            assert f.share[job] == pytest.approx(min([float(f.top[job]), *levels]), rel=1e-11)
            bound += f.share[job] < f.top[job]
    assert bound > 0
