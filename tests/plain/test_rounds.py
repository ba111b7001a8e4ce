"""Rounds that deal kinds of node, told again slowly: the same instants, to the last bit.

Targets are equal shares, so that no linear program stands between: only who is dealt what, when.
"""

import numpy as np
import pytest

from sim.policies.backfill import Skip
from sim.policies.preemption import Rebuild
from sim.policies.queue import GavelIsolated
from sim.state import Inventory, Pool
from tests.conftest import run

pytestmark = pytest.mark.rare

ROUND_S = 8.0
KINDS = {"a": 3, "b": 5}


def drawn(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 25))
    either = [f"a:{rng.choice([2, 4])}|b:1.0", "a:1.0|b:1.0", "b:2.0", "a:1.0"]
    return {
        "submit_s": np.sort(rng.integers(0, 300, n)).astype(float),
        "gpus": rng.choice([1, 2, 3], n).astype(np.int32),
        "work_s": rng.integers(1, 120, n).astype(float),
        "gpu_types": [either[i] for i in rng.integers(0, 4, n)],
    }


def plain(jobs, reset_s):
    """Return when each job starts and ends, by one loop over rounds."""
    n, kinds = len(jobs["gpus"]), list(KINDS)
    gpus = [int(g) for g in jobs["gpus"]]
    speed = [[0.0] * len(kinds) for _ in range(n)]
    for i, text in enumerate(jobs["gpu_types"]):
        for part in text.split("|"):
            name, number = part.split(":")
            speed[i][kinds.index(name)] = float(number)
    left = [float(w) for w in jobs["work_s"]]
    start, end = [None] * n, [None] * n
    target, got, owed = {}, {}, {}
    mates, last_s, at_s = 0, 0.0, 0.0
    while any(e is None for e in end):
        here = [i for i in range(n) if jobs["submit_s"][i] <= at_s and end[i] is None]
        known = [i for i in here if i in target]
        if (
            here
            and (len(known) != len(here) or len(known) != mates)
            and (last_s == 0.0 or not known or at_s - last_s >= reset_s)
        ):
            for i in here:
                for j in range(len(kinds)):
                    if i in known:
                        owed[i, j] += target[i][j] * (at_s - last_s) - got[i, j]
                    else:
                        owed[i, j] = 0.0
                    got[i, j] = 0.0
                share = [KINDS[k] / len(here) / gpus[i] for k in kinds]
                target[i] = [x / max(sum(share), 1.0) for x in share]
            known, mates, last_s = here, len(here), at_s
        dealt = {}
        for j, name in enumerate(kinds):
            room = KINDS[name]
            first = [(-target[i][j] / (got[i, j] + ROUND_S / 2), -owed[i, j], i) for i in known]
            for _, _, i in sorted(first):
                if i not in dealt and speed[i][j] > 0.0 and gpus[i] <= room:
                    dealt[i], room = j, room - gpus[i]
        for i, j in dealt.items():
            if start[i] is None:
                start[i] = at_s
            does = speed[i][j] * ROUND_S
            if left[i] <= does:
                end[i] = at_s + left[i] / speed[i][j]
            left[i] -= does
            got[i, j] += ROUND_S
        at_s += ROUND_S
    return start, end


@pytest.mark.parametrize("reset_s", [0.0, 40.0])
@pytest.mark.parametrize("seed", range(12))
def test_the_same_instants(seed, reset_s):
    jobs = drawn(seed)
    pools = Inventory(tuple(Pool(name, 1, gpus, name) for name, gpus in KINDS.items()))
    result = run(jobs, inventory=pools, queue=GavelIsolated(reset_s=reset_s),
                 backfill=Skip(depth=None), preemption=Rebuild(round_s=ROUND_S, hold=False))  # fmt: skip
    rows = sorted(result.jobs.to_pylist(), key=lambda r: int(r["job_id"]))
    start, end = plain(jobs, reset_s)
    assert [r["start_s"] for r in rows] == start
    assert [r["end_s"] for r in rows] == end
