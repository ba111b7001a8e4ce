"""Gangs on leaves and in blocks: the fast engine and a plain one, and what the rules promise."""

from dataclasses import replace

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.errors import ScenarioError, TraceError
from sim.policies.placement import SlurmBlock, SlurmTree
from sim.policies.preemption import Tail
from sim.policies.queue import Smallest
from sim.state import Homogeneous, Inventory, Pool
from sim.workload import Given
from tests.conftest import gantt, run, starts
from tests.plain.plain import INF, Node, Plain
from tests.plain.test_same import RULES, plain_jobs, workload
from topologies.designs import LeafSpine, Torus
from topologies.own import FromFile

pytestmark = pytest.mark.rare

RACKS = (
    Pool("a", 11, 4, "a", nodes_per_rack=3, racks_per_pod=2),
    Pool("b", 6, 4, "b", nodes_per_rack=2, racks_per_pod=2),
    Pool("c", 4, 4, "a", nodes_per_rack=4),
)


def addresses(pools):
    """Return (leaf, pod, root) of each node."""
    out, leaves, pods = [], 0, 0
    for p in pools:
        wide = (p.racks_per_pod or p.nodes) * p.nodes_per_rack
        out += [(leaves + i // p.nodes_per_rack, pods + i // wide, 0) for i in range(p.nodes)]
        leaves, pods = out[-1][0] + 1, out[-1][1] + 1
    return out


class Grouped(Plain):
    """Every node of a gang has as many GPUs free as the first; `lay` says which are taken."""

    def on_kind(self, job, kind, free, limit):
        nodes = [n for n in self.nodes if n.kind == kind]
        chunks = self.shape(job, nodes[0].size)
        if sum(free[n.number][0] for n in nodes) < job["gpus"]:
            return None
        good = [n for n in nodes if self.fits(job, n, chunks[0], free, limit)]
        if len(good) < len(chunks):
            return None
        if len(chunks) == 1 and self.first_alone:
            return [(good[0], chunks[0])]
        got = self.lay(job, [n.number for n in good], len(chunks))
        return None if got is None else list(zip([self.nodes[n] for n in got], chunks, strict=True))


def liking(count, need):
    """Return what is greater for a better place: one that suffices, of these the tighter."""
    return (1, -count) if count >= need else (0, count)


class OnLeaves(Grouped):
    """Slurm's tree; `strict` is the rule of 24.05 on."""

    def setup(self, pools, strict, first_alone, root):
        self.at = [a if root else a[:2] for a in addresses(pools)]
        self.strict, self.first_alone = strict, first_alone
        return self

    def asked_again(self, j):
        return self.jobs[j]["until"]

    def lay(self, job, good, need):
        heights = len(self.at[0])
        under = [{} for _ in range(heights)]
        for n in good:
            for h, switch in enumerate(self.at[n]):
                under[h].setdefault(switch, []).append(n)
        tops = [(h, s) for h in range(heights) for s in under[h] if len(under[h][s]) >= need]
        if not tops:
            return None
        h, top = max(tops)
        path = {self.at[n][0]: self.at[n] for n in under[h][top]}
        left = [{s: len(nodes) for s, nodes in level.items()} for level in under]
        taken, used = [], []
        while len(taken) < need:
            best = None
            for leaf in sorted(path.keys() - set(used)):
                if best is None or self.goes_before(
                    path, left, used, leaf, best, need - len(taken)
                ):
                    best = leaf
            used.append(best)
            here = under[0][best]
            taken += here[: need - len(taken)]
            for height in range(1, heights) if self.strict else ():
                left[height][path[best][height]] -= len(here)
        if job["switches"] and len(used) > job["switches"] and self.now < job["until"]:
            return None
        return taken

    @staticmethod
    def apart(a, b):
        return next(h for h in range(len(a)) if a[h] == b[h])

    def goes_before(self, path, left, used, leaf, best, need):
        far = [sum(self.apart(path[x], path[u]) for u in used) for x in (leaf, best)]
        for h in range(self.apart(path[leaf], path[best])):
            a, b = left[h][path[leaf][h]], left[h][path[best][h]]
            if max(a, b) >= need:
                break
        fits, more = a >= need, liking(a, need) > liking(b, need)
        as_good = liking(a, need) >= liking(b, need)
        if far[0] < far[1]:
            return fits if self.strict else as_good
        return far[0] == far[1] and more


class InBlocks(Grouped):
    """Slurm's blocks of `sizes` times a base block of `base` nodes."""

    def setup(self, pools, base, sizes, first_alone):
        self.leaf = [leaf for leaf, _, _ in addresses(pools)]
        self.leaves = self.leaf[-1] + 1
        self.base, self.sizes, self.first_alone = base, sorted(sizes), first_alone
        return self

    def lay(self, job, good, need):
        part = job["segment"] or need
        part = need if part > need else part
        if need % part:
            return None
        taken = []
        for _ in range(need // part):
            got = self.one([n for n in good if n not in taken], part)
            if got is None:
                return None
            taken += got
        return taken

    def one(self, good, need):
        room = [[n for n in good if self.leaf[n] == leaf] for leaf in range(self.leaves)]
        least = next(2**k for k in range(99) if 2**k * self.base >= need)
        wide = next((n for n in self.sizes if n >= least), self.leaves)
        narrow = max([n for n in self.sizes if n < least], default=1)
        parts = -(-need // (narrow * self.base))
        blocks = []
        for begin in range(0, self.leaves, wide):
            block = range(begin, min(begin + wide, self.leaves))
            full = sorted(
                (sum(len(room[i]) for i in block if i // narrow == k)
                 for k in {i // narrow for i in block}), reverse=True,
            )  # fmt: skip
            if sum(full[:parts] if wide != narrow * parts else full) >= need:
                blocks.append((sum(full), -begin, block))
        if not blocks:
            return None
        block = min(blocks)[2]
        weigh = wide != narrow * parts

        def order(i, left, used):
            if not weigh:
                return liking(len(room[i]), left), i
            mates = [j for j in range(self.leaves) if j // narrow == i // narrow]
            total = sum(len(room[j]) for j in mates)
            return bool(used & set(mates)), liking(total, left), liking(len(room[i]), left), i

        taken, used = [], set()
        while len(taken) < need:
            left = need - len(taken)
            best = max((i for i in block if i not in used), key=lambda i: order(i, left, used))
            taken += room[best][:left]
            used.add(best)
        return taken


def spread(seed, jobs, load):
    made = workload(seed, jobs, RACKS, load, plenty=True)
    rng = np.random.default_rng(seed + 5)
    made["gpus"] = np.where(rng.random(jobs) < 0.3, 4 * rng.integers(1, 9, jobs), made["gpus"])
    made["gpus"] = made["gpus"].astype(np.int32)
    made["gpu_types"] = [t if t != "b" else "a|b" for t in made["gpu_types"]]
    made["switches"] = [int(v) or None for v in rng.choice([0, 0, 1, 2], jobs)]
    made["switches_wait_s"] = [float(v) for v in rng.choice([0.0, 40.0, 200.0, 1000.0], jobs)]
    made["segment"] = [int(v) or None for v in rng.choice([0, 0, 1, 2, 3], jobs)]
    return made


def both(made, rule, place, plain):
    fast_rule, plain_rule = RULES[rule]
    result = simulate(Scenario(Inventory(RACKS), Given(made), backfill=fast_rule, placement=place))
    jobs = plain_jobs(made, RACKS)
    for j, job in enumerate(jobs):
        wait = min(made["switches_wait_s"][j], 300.0)
        job["switches"] = made["switches"][j]
        job["until"] = job["enter"] + wait if job["switches"] else INF
        job["segment"] = made["segment"][j]
    numbers = [f"a-{i:02d}" for i in range(11)] + [f"b-{i}" for i in range(6)]
    numbers += [f"c-{i}" for i in range(4)]
    nodes = [Node(i, int(name[0] == "b"), 4) for i, name in enumerate(numbers)]
    number = {name: i for i, name in enumerate(numbers)}
    fast = [[int(r["job_id"]), number[r["node"]], r["gpus"], r["start_s"], r["end_s"]]
            for r in result.ledger.to_pylist()]  # fmt: skip
    for row in result.jobs.to_pylist():
        if row["state"] == "unfit":
            jobs[int(row["job_id"])] |= {"enter": 1e18, "cancel": 0.0, "until": INF}
    return fast, plain(nodes, jobs, plain_rule, "").run(), result


TREES = {
    "22.05": (SlurmTree("v22.05", sched_interval_s=0.0), (False, False, True)),
    "24.05": (SlurmTree("v24.05", sched_interval_s=0.0), (True, False, True)),
    "26.11": (SlurmTree("v26.11", sched_interval_s=0.0), (True, True, True)),
    "no root": (SlurmTree("v24.05", root=False, sched_interval_s=0.0), (True, False, False)),
}
BLOCKS = {
    "all": (SlurmBlock(), (3, (1, 2, 4, 8, 16), True)),
    "base": (SlurmBlock((3,), False), (3, (1,), False)),
    "gaps": (SlurmBlock((2, 8), False), (2, (1, 4), False)),
    "two": (SlurmBlock((4, 8, 16)), (4, (1, 2, 4), True)),
}


def alike(made, rule, place, plain):
    fast, slow, result = both(made, rule, place, plain)
    for i, (a, b) in enumerate(zip(fast, slow, strict=False)):
        assert a == b, f"row {i}: fast {a}, plain {b}\n{gantt(result)[:3000]}"
    assert len(fast) == len(slow)


@pytest.mark.parametrize("which", TREES)
@pytest.mark.parametrize("rule", ["none", "skip", "easy nodes 4"])
def test_leaves_fast_are_leaves_plain(rule, which):
    place, shape = TREES[which]
    for seed in range(3):
        alike(spread(seed, 60, 1.0), rule, place, lambda *a: OnLeaves(*a).setup(RACKS, *shape))


@pytest.mark.parametrize("which", BLOCKS)
@pytest.mark.parametrize("rule", ["none", "skip", "easy nodes 4"])
def test_blocks_fast_are_blocks_plain(rule, which):
    place, shape = BLOCKS[which]
    for seed in range(3):
        alike(spread(seed, 60, 1.0), rule, place, lambda *a: InBlocks(*a).setup(RACKS, *shape))


def runs(result, number=lambda name: int(name.split("-")[1])):
    """Return the nodes of each run, by (job, start)."""
    out = {}
    for row in result.ledger.to_pylist():
        out.setdefault((int(row["job_id"]), row["start_s"]), []).append(number(row["node"]))
    return out


def whole(nodes, **more):
    """Return jobs of whole nodes, one a second, that hold them for long."""
    n = len(nodes)
    return {"submit_s": [float(i) for i in range(n)], "gpus": np.int32([2 * k for k in nodes]),
            "work_s": [1000.0] * n} | more  # fmt: skip


def racked(nodes, per_rack, racks=None):
    return Homogeneous(
        nodes=nodes, gpus_per_node=2, gpu="n", nodes_per_rack=per_rack, racks_per_pod=racks
    ).inventory()


def test_a_gang_never_lies_in_more_blocks_than_one_of_the_least_size_that_holds_it():
    """Blocks are aligned: the base blocks of a gang have the same number, shifted by its level."""
    rng = np.random.default_rng(7)
    made = whole(rng.integers(1, 9, 200))
    made["work_s"] = [float(v) for v in rng.integers(5, 60, 200)]
    result = run(made, inventory=racked(32, 4), placement=SlurmBlock((4, 8, 16, 32)))
    seen = runs(result)
    assert len(seen) == 200
    for nodes in seen.values():
        level = 0 if len(nodes) <= 4 else 1
        assert len({n // 4 >> level for n in nodes}) == 1


def test_who_insists_on_one_leaf_gets_it_or_has_waited():
    rng = np.random.default_rng(8)
    made = whole(rng.integers(1, 4, 150), switches=[1] * 150, switches_wait_s=[30.0] * 150)
    made["work_s"] = [float(v) for v in rng.integers(5, 60, 150)]
    place = SlurmTree(sched_interval_s=0.0)
    seen = runs(run(made, inventory=racked(12, 4), placement=place))
    waited = [
        start - job for (job, start), nodes in seen.items() if len({n // 4 for n in nodes}) > 1
    ]
    assert waited
    assert min(waited) >= 30.0


@pytest.mark.parametrize(
    ("poll_s", "release", "start_s"),
    [(0.0, "v26.11", 25.0), (60.0, "v26.11", 60.0), (7.0, "v26.11", 28.0),
     (None, "v26.11", 30.0), (None, "v24.05", 60.0), (None, "v22.05", 60.0)],
)  # fmt: skip
def test_a_wait_over_is_seen_when_somebody_looks(poll_s, release, start_s):
    """One node is left on each of two leaves: a gang of two that wants one leaf waits from 5 on."""
    made = {"submit_s": [0.0, 1.0, 5.0], "gpus": np.int32([6, 6, 4]), "work_s": [500.0] * 3,
            "switches": [None, None, 1], "switches_wait_s": [None, None, 20.0]}  # fmt: skip
    place = SlurmTree(release, sched_interval_s=poll_s)
    seen = starts(run(made, inventory=racked(8, 4), placement=place))
    assert seen == [0.0, 1.0, start_s]


def test_max_switch_wait_bounds_what_a_job_may_ask():
    place = SlurmTree("v22.05", max_switch_wait_s=10.0, sched_interval_s=0.0)
    made = {"submit_s": [0.0, 1.0, 2.0], "gpus": np.int32([6, 6, 4]), "nodes": np.int32([3, 3, 2]),
            "work_s": [500.0, 500.0, 5.0], "switches": [None, None, 1],
            "switches_wait_s": [None, None, 99.0]}  # fmt: skip
    seen = starts(run(made, inventory=racked(8, 4), placement=place))
    assert seen[2] == 12.0  # one node is left on each leaf


def test_a_gang_stays_under_one_switch_where_pods_have_none_over_them():
    tree = racked(8, 2, 2)
    made = whole([3, 3, 2])
    over = runs(run(made, inventory=tree, placement=SlurmTree()))
    assert {n // 4 for n in over[2, 2.0]} == {0, 1}
    alone = runs(run(made, inventory=tree, placement=SlurmTree(root=False)))
    assert (2, 1000.0) in alone


LEAVES = "SwitchName=s0 Nodes=n[0-1]\nSwitchName=s1 Nodes=n[2-3]\nSwitchName=s2 Nodes=n[4-5]\n"
HIGHER = "SwitchName=p0 Switches=s0,s1\nSwitchName=top Switches=p0,s2\n"
FOUR = "SwitchName=p0 Switches=s0,s1\nSwitchName=p1 Switches=s2\n" \
       "SwitchName=q0 Switches=p0\nSwitchName=top Switches=q0,p1\n"  # fmt: skip
THREE = HIGHER.replace("p0,s2", "p0,p1") + "SwitchName=p1 Switches=s2\n"


@pytest.mark.parametrize(
    ("over", "told"),
    [
        (
            HIGHER,
            "switches p0 and top, .* both stand over leaves; must be .* a leaf on one of its own",
        ),
        (FOUR, "switches q0 and top, .* neither stands over a leaf; must be .* leave out a tier"),
        (THREE, None),
        ("SwitchName=top Switches=s[0-2]\n", None),
    ],
)
def test_a_tree_that_is_more_than_leaves_pods_and_a_root_is_refused(tmp_path, over, told):
    (tmp_path / "topology.conf").write_text(LEAVES + over)
    fabric = FromFile(str(tmp_path / "topology.conf"))
    asks = Scenario(Homogeneous(6, 8), Given(whole([3])), placement=SlurmTree(), fabric=fabric)
    if told is None:
        assert simulate(asks).jobs.column("state").to_pylist() == ["completed"]
        return
    with pytest.raises(ScenarioError, match=told):
        simulate(asks)
    # no matter who places, nor where the cluster tells its racks itself
    simulate(replace(asks, placement=SlurmBlock()))
    simulate(replace(asks, cluster=Homogeneous(6, 8, nodes_per_rack=2)))


def test_a_switch_that_bears_no_nodes_is_no_tier(tmp_path):
    """Two leaves under a pod each, a core over both, and beside them what leads to storage."""
    links = ["0 s0", "1 s0", "2 s1", "3 s1", "s0 p0", "s1 p1", "p0 core", "p1 core"]
    placed = []
    for more in ([], ["core border"], ["core border", "border wan"], ["core border", "p0 spare"]):
        (tmp_path / "links.txt").write_text("".join(f"{x} 400Gbps\n" for x in links + more))
        asks = Scenario(Homogeneous(4, 8), Given(whole([1, 2, 2])), placement=SlurmTree(),
                        fabric=FromFile(str(tmp_path / "links.txt")))  # fmt: skip
        placed.append(gantt(simulate(asks)))
    assert all(one == placed[0] for one in placed)
    (tmp_path / "links.txt").write_text("".join(f"{x} 400Gbps\n" for x in [*links[:6], "p0 p1"]))
    with pytest.raises(ScenarioError, match=r"p0 and p1, .* hang both on one switch"):
        simulate(asks)


def test_what_no_block_can_ever_hold_is_set_aside():
    made = whole([6, 5, 4], segment=[None, 2, None])
    result = run(made, inventory=racked(8, 4), placement=SlurmBlock((4,)))
    states = {r["job_id"]: r["state"] for r in result.jobs.to_pylist()}
    assert states == {"0": "completed", "1": "unfit", "2": "completed"}  # 5 nodes in twos: never


def test_preemption_and_plans_hold_blocks_too():
    rng = np.random.default_rng(3)
    made = whole(rng.integers(1, 7, 80))
    made["work_s"] = [float(v) for v in rng.integers(5, 60, 80)]
    for choice in ({"preemption": Tail(cost_s=3.0), "queue": Smallest()},
                   {"backfill": RULES["conservative"][0]}):  # fmt: skip
        result = run(made, inventory=racked(16, 4), placement=SlurmBlock((4, 8)), **choice)
        for nodes in runs(result).values():
            assert len({n // 8 for n in nodes}) == 1


def test_faults_are_named():
    with pytest.raises(ScenarioError) as caught:
        SlurmTree("v23.02", max_switch_wait_s=-1.0)
    assert len(caught.value.issues) == 2
    with pytest.raises(ScenarioError, match="block_sizes"):
        SlurmBlock((4, 0))
    with pytest.raises(ScenarioError, match="4, the first, times a power of 2"):
        run(whole([1]), inventory=racked(8, 4), placement=SlurmBlock((4, 12)))
    made = whole([4]) | {"nodes": np.int32([4]), "segment": [3]}
    with pytest.raises(TraceError, match="must divide nodes"):
        run(made, inventory=racked(8, 4))


@pytest.mark.rare
@pytest.mark.parametrize("fabric", [LeafSpine(4, 2), Torus()], ids=["leaves", "none"])
def test_a_fabric_without_pods_refuses_no_gang_for_want_of_a_root(fabric):
    seen = run(whole([20, 6]), inventory=racked(64, None), fabric=fabric,
               placement=SlurmTree(root=False))  # fmt: skip
    assert seen.jobs["state"].to_pylist() == ["completed"] * 2
