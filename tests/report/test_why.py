"""What jobs waited for, held against a look at every instant."""

import numpy as np
import pytest

from sim.engine.failures import Failures
from sim.policies.backfill import Easy, NoBackfill
from sim.policies.placement import Pack, Spread
from sim.report import comparison
from sim.report.compare import answer
from sim.report.html import page
from sim.report.why import BECAUSE, LABELS, reason
from sim.state import Pools
from tests.conftest import run

CAUSES = ("for_gpus_s", "scattered_s", "held_back_s")


def some(seed, n=60, **more):
    """Return jobs of whole seconds, so that nothing happens between two of them."""
    draw = np.random.default_rng(seed)
    return {
        "submit_s": np.sort(draw.integers(0, 300, n)).astype(float),
        "gpus": draw.choice([1, 2, 3, 5, 8, 12, 16], n),
        "work_s": draw.integers(1, 90, n).astype(float),
    } | more


def by_looking(result, sizes, allowed):
    """Return what each job waited for: every second is looked at, node by node."""
    names = result.nodes["node"].to_pylist()
    ledger, jobs = result.ledger.to_pylist(), result.jobs.to_pylist()
    end_s = int(result.manifest["end_s"])
    told = [dict.fromkeys(CAUSES, 0.0) for _ in jobs]
    runs = {}
    for row in ledger:
        runs.setdefault(row["job_id"], set()).add((row["start_s"], row["end_s"]))
    for t in range(end_s):
        free = dict(zip(names, sizes, strict=True))
        for row in ledger:
            if row["start_s"] <= t and (row["end_s"] is None or t < row["end_s"]):
                free[row["node"]] -= row["gpus"]
        for job, told_of in zip(jobs, told, strict=True):
            over = job["end_s"] if job["end_s"] is not None else end_s
            holds = any(a <= t and (b is None or t < b) for a, b in runs.get(job["job_id"], ()))
            if not job["submit_s"] <= t < over or holds or job["state"] == "unfit":
                continue
            kinds = [k for k in set(sizes) if k in allowed]
            own = {k: [f for n, f in free.items() if sizes[names.index(n)] == k] for k in kinds}
            each = {k: min(job["gpus"], k) for k in kinds}
            if not any(sum(own[k]) >= job["gpus"] for k in kinds):
                told_of["for_gpus_s"] += 1.0
            elif any(gang(sorted(own[k], reverse=True), job["gpus"], each[k]) for k in kinds):
                told_of["held_back_s"] += 1.0
            else:
                told_of["scattered_s"] += 1.0
    return told


def gang(free, gpus, each):
    """Return whether nodes, most free first, can each take a piece of a gang."""
    pieces = [each] * (gpus // each) + [gpus % each] * (gpus % each > 0)
    return len(free) >= len(pieces) and all(f >= p for f, p in zip(free, pieces, strict=False))


CASES = {
    "strict": {"backfill": NoBackfill()},
    "easy": {"backfill": Easy(), "placement": Pack()},
    "spread": {"backfill": Easy(), "placement": Spread()},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_second_of_waiting_has_its_cause(case, seed):
    made = run(some(seed), nodes=4, gpus=8, **CASES[case])
    assert made.jobs.select(CAUSES).to_pylist() == by_looking(made, [8] * 4, {8})


def test_causes_on_two_kinds_of_node():
    pools = [("a", 3, 8), ("b", 4, 4)]
    inventory = Pools([{"name": n, "gpu": n, "nodes": m, "gpus_per_node": g} for n, m, g in pools])
    made = run(some(5), inventory=inventory, backfill=Easy())
    assert made.jobs.select(CAUSES).to_pylist() == by_looking(made, [8] * 3 + [4] * 4, {4, 8})


def test_the_causes_are_all_the_waiting_there_is_with_failures():
    made = run(some(7, 200), nodes=4, gpus=8, backfill=Easy(),
               processes=(Failures(mtbf_s=400.0, repair_s=60.0),))  # fmt: skip
    jobs = {name: made.jobs[name].to_numpy() for name in ("wait_s", *CAUSES, "restarts")}
    total = sum(jobs[name] for name in CAUSES)
    once = jobs["restarts"] == 0
    assert once.any()
    assert not once.all()
    assert np.allclose(total[once], jobs["wait_s"][once], atol=1e-6)
    assert (total[~once] >= jobs["wait_s"][~once] - 1e-6).all()
    line = made.timeline.to_pydict()
    width = line["time_s"][1]
    assert total.sum() == pytest.approx(sum(line["waiting_jobs"]) * width, rel=1e-9)


def test_the_page_says_what_was_waited_for_and_who_paid():
    made = run(some(1, tenant=["ada", "bob", "cyd"] * 20), nodes=4, backfill=Easy())
    text = page(made)
    total = {name: sum(made.jobs[name].to_pylist()) for name in CAUSES}
    for name in CAUSES:
        assert f"{100 * total[name] / sum(total.values()):.0f}\N{NO-BREAK SPACE}%" in text
    assert "What they waited for" in text
    assert "share of GPU time" in text
    assert "What they waited for" not in page(run([(0.0, 1, 5.0)], nodes=4))


def test_a_comparison_says_why():
    base = dict.fromkeys(LABELS, 0.0)
    first = base | {"for_gpus_mean_s": 100.0, "scattered_mean_s": 500.0, "wait_8_s": 10.0}
    best = base | {"for_gpus_mean_s": 150.0, "scattered_mean_s": 40.0, "wait_8_s": 70.0}
    text = reason(best, first)
    assert BECAUSE["scattered_mean_s"] in text
    assert "7 min 40 s" in text  # 500 - 40
    assert f"50 s more of {BECAUSE['for_gpus_mean_s']}" in text
    assert "gangs of 8" in text
    assert reason(first, first) == ""
    rows = [
        {"design": {"queue": name}, "seed": s, "metrics": means | {"wait_mean_s": sum(
            means[c] for c in BECAUSE) + s}}
        for name, means in (("a", first), ("b", best)) for s in (1, 2)
    ]  # fmt: skip
    assert answer(comparison(rows)).endswith(text)
