"""Gangs that must stay within a rack or a pod: the fast engine and a plain one, and what they promise."""

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.errors import ScenarioError
from sim.policies.placement import MostAllocated, Pack
from sim.policies.preemption import Tail
from sim.policies.queue import Smallest
from sim.state import Homogeneous, Inventory, Pool
from sim.workload import Given
from tests.conftest import gantt, run
from tests.plain.plain import Node, Plain
from tests.plain.test_same import PLACES, RULES, plain_jobs, workload

pytestmark = pytest.mark.rare

RACKS = (
    Pool("a", 7, 4, "a", nodes_per_rack=3, racks_per_pod=2),
    Pool("b", 6, 4, "b", nodes_per_rack=2, racks_per_pod=2),
)
SPANS = ("rack", "pod", "any", "node", None)


class Spanned(Plain):
    """Jobs have `span`, a list of sets of nodes, None for anywhere: one of them must hold the job."""

    def where(self, job, free=None, barrier=None):
        if job["span"] is None:
            return super().where(job, free, barrier)
        every, free = self.nodes, self.free() if free is None else free
        for kind in sorted(job["speed"], key=lambda k: (-job["speed"][k], k)):
            one = job | {"speed": {kind: job["speed"][kind]}}
            room = []
            for d, domain in enumerate(job["span"]):
                here = [n for n in every if n.number in domain and n.kind == kind]
                total = sum(free[n.number][0] for n in here)
                if here and total >= job["gpus"]:
                    room.append((total, d, here))
            for _, _, here in sorted(room, key=lambda r: r[:2]):
                self.nodes = here
                got = super().where(one, free, barrier)
                self.nodes = every
                if got is not None:
                    return got
        return None


def domains(pools):
    """Return the racks and the pods as lists of sets, from what the pools say."""
    racks, pods, n = [], [], 0
    for p in pools:
        for i in range(p.nodes):
            if i % p.nodes_per_rack == 0:
                racks.append(set())
                if len(racks) == 1 or (i // p.nodes_per_rack) % p.racks_per_pod == 0:
                    pods.append(set())
            racks[-1].add(n)
            pods[-1].add(n)
            n += 1
    return racks, pods


def spanned(seed, jobs, load):
    made = workload(seed, jobs, RACKS, load, plenty=True)
    rng = np.random.default_rng(seed + 11)
    made["gpus"] = np.minimum(made["gpus"], 8)
    span = rng.choice(np.array(SPANS, object), jobs)
    span[(made["gpus"] > 4) & (span == "node")] = "rack"
    made["span"] = list(span)
    made["gpu_types"] = [t if t != "b" else "a|b" for t in made["gpu_types"]]
    return made


def both(made, rule, place):
    fast_rule, plain_rule = RULES[rule]
    result = simulate(
        Scenario(Inventory(RACKS), Given(made), backfill=fast_rule, placement=PLACES[place])
    )
    racks, pods = domains(RACKS)
    jobs = plain_jobs(made, RACKS)
    for job, span in zip(jobs, made["span"], strict=True):
        job["span"] = {"rack": racks, "pod": pods}.get(span)
        if span == "node":
            job["each"] = job["gpus"]
    nodes = [Node(i, 0 if i < 7 else 1, 4) for i in range(13)]
    number = {f"a-{i}": i for i in range(7)} | {f"b-{i}": 7 + i for i in range(6)}
    fast = [[int(r["job_id"]), number[r["node"]], r["gpus"], r["start_s"], r["end_s"]]
            for r in result.ledger.to_pylist()]  # fmt: skip
    for row in result.jobs.to_pylist():
        if row["state"] == "unfit":
            jobs[int(row["job_id"])] |= {"enter": 1e18, "cancel": 0.0}
    return fast, Spanned(nodes, jobs, plain_rule, place).run(), result


@pytest.mark.parametrize("place", ["pack", "spread", "consecutive"])
@pytest.mark.parametrize("rule", ["none", "skip", "easy nodes", "easy nodes 4"])
def test_fast_is_plain(rule, place):
    for seed in range(4):
        made = spanned(seed, 60, 1.0)
        fast, slow, result = both(made, rule, place)
        for i, (a, b) in enumerate(zip(fast, slow, strict=False)):
            assert a == b, f"seed {seed} row {i}: fast {a}, plain {b}\n{gantt(result)[:3000]}"
        assert len(fast) == len(slow)


def held_within(result, made):
    """Every run of a job lies in one domain of its span."""
    racks, pods = domains(RACKS)
    number = {f"a-{i}": i for i in range(7)} | {f"b-{i}": 7 + i for i in range(6)}
    runs = {}
    for row in result.ledger.to_pylist():
        runs.setdefault((row["job_id"], row["start_s"]), set()).add(number[row["node"]])
    for (job, _), nodes in runs.items():
        span = made["span"][int(job)]
        if span == "node":
            assert len(nodes) == 1
        elif span in ("rack", "pod"):
            assert any(nodes <= domain for domain in (racks if span == "rack" else pods))
    return len(runs)


def test_no_rule_breaks_a_span():
    made = spanned(5, 80, 1.1)
    for choice in (
        {"preemption": Tail(cost_s=3.0), "queue": Smallest()},
        {"placement": MostAllocated()},
        {"backfill": RULES["conservative"][0]},
    ):
        result = simulate(Scenario(Inventory(RACKS), Given(made), **choice))
        assert held_within(result, made) >= 60


def test_the_tightest_rack_that_suffices_the_first_of_equals():
    racks = Homogeneous(nodes=9, gpus_per_node=2, gpu="gpu", nodes_per_rack=3)
    fill = [(0.0, 2, 100.0, "node")] * 3  # packed: the first rack is full
    jobs = [*fill, (1.0, 2, 100.0, "node"), (2.0, 4, 10.0, "rack"), (2.0, 6, 10.0, "rack"),
            (3.0, 4, 10.0, "rack")]  # fmt: skip
    made = {
        "submit_s": [j[0] for j in jobs],
        "gpus": [j[1] for j in jobs],
        "work_s": [j[2] for j in jobs],
        "span": [j[3] for j in jobs],
    }
    result = run(made, inventory=racks.inventory(), placement=Pack())
    nodes = {}
    for row in result.ledger.to_pylist():
        nodes.setdefault(row["job_id"], []).append((row["node"], row["start_s"]))
    assert [n for n, _ in nodes["4"]] == ["gpu-4", "gpu-5"]  # fills what job 3 has begun
    assert [n for n, _ in nodes["5"]] == ["gpu-6", "gpu-7", "gpu-8"]
    assert nodes["6"] == [
        ("gpu-4", 12.0),
        ("gpu-5", 12.0),
    ]  # two nodes were free all along? no rack


def test_a_span_too_narrow_is_a_fault_at_once():
    made = {"submit_s": [0.0] * 3, "gpus": [8, 9, 20], "work_s": [1.0] * 3,
            "span": ["node", "rack", "pod"]}  # fmt: skip
    cluster = Homogeneous(nodes=8, gpus_per_node=4, gpu="x", nodes_per_rack=2, racks_per_pod=2)
    with pytest.raises(ScenarioError) as caught:
        simulate(Scenario(cluster, Given(made)))
    told = caught.value.issues
    assert len(told) == 3
    for text, word, job, knob in zip(told, ("node", "rack", "pod"), "012",
                                     ("gpus_per_node", "nodes_per_rack", "racks_per_pod"),
                                     strict=True):  # fmt: skip
        assert text.startswith(f"span: is '{word}', but no {word} can hold 1 job")
        assert f"'{job}' with" in text
        assert text.endswith(f"raise cluster.{knob}")


def test_domains_are_numbered_pool_by_pool():
    from sim.state.spans import domains_of

    racks, pods = domains_of(Inventory((*RACKS, Pool("c", 2, 1))))
    assert racks.tolist() == [0, 0, 0, 1, 1, 1, 2, 3, 3, 4, 4, 5, 5, 6, 6]
    assert pods.tolist() == [0] * 6 + [1] + [2] * 4 + [3] * 2 + [4] * 2


def test_named_racks_reach_over_pools_and_faults_of_them_are_named():
    from sim.state.spans import domains_of

    named = [Pool(f"n{i}", 1, 4, rack="xyx"[i % 3], pod="p") for i in range(6)]
    racks, pods = domains_of(Inventory((*named, Pool("c", 4, 1, nodes_per_rack=2))))
    assert racks.tolist() == [0, 1, 0, 0, 1, 0, 2, 2, 3, 3]
    assert pods.tolist() == [0] * 6 + [1] * 4
    alone = domains_of(Inventory((Pool("a", 2, 1, rack="x"), Pool("b", 2, 1, rack="y"))))
    assert alone.tolist() == [[0, 0, 1, 1]] * 2  # a named rack is a pod of its own
    bad = Inventory((
        Pool("a", 2, 1, rack="x", pod="p", nodes_per_rack=1), Pool("b", 1, 1, rack="x", pod="q"),
    ))  # fmt: skip
    assert len(bad.issues()) == 2
