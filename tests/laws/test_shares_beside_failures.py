"""Fair shares beside nodes that fail: passes come from what happens, never from each other."""

from collections import Counter

import numpy as np
import pytest

from sim import kernel
from sim.engine import Failures
from sim.policies.backfill import Skip
from sim.policies.preemption import Reclaim
from sim.policies.queue import Priority
from sim.policies.quota import Kai
from tests.conftest import run

pytestmark = pytest.mark.rare

JOBS, HOUR_S, HORIZON_S = 60, 3600.0, 10 * 86400.0


def test_passes_do_not_repeat_at_one_instant(monkeypatch):
    """One pass follows all that happens at an instant, and one more where the ledger was full."""
    passes, whole = Counter(), kernel.pass_shares

    def counted(state, now_s):
        passes[now_s] += 1
        whole(state, now_s)

    monkeypatch.setattr(kernel, "pass_shares", counted)
    rng = np.random.default_rng(5)
    jobs = {
        "submit_s": np.sort(rng.uniform(0.0, 86400.0, JOBS)),
        "gpus": rng.choice([1, 2, 8, 16], JOBS).astype(np.int32),
        "work_s": rng.exponential(2 * HOUR_S, JOBS),
        "tenant": [("a", "b")[i] for i in rng.integers(0, 2, JOBS)],
    }
    told = {name: {"tenants": [name], "gpus": 8} for name in ("a", "b")}
    run(
        jobs, nodes=4, gpus=8, queue=Priority(), backfill=Skip(None), quota=Kai(told),
        preemption=Reclaim(0.0, 0.0, 0.0), horizon_s=HORIZON_S,
        processes=(Failures(5 * HOUR_S, HOUR_S),),
    )  # fmt: skip
    assert len(passes) > JOBS
    assert max(passes.values()) <= 2
