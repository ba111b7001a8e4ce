"""MIG: where instances lie, on all GPU types; a plain engine gives the same rows, slices and all."""

import re
from collections import defaultdict
from itertools import permutations, product

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.errors import ScenarioError, TraceError
from sim.policies.placement import MostAllocated, Pack
from sim.policies.preemption import Tail
from sim.policies.queue import Smallest
from sim.policies.sharing import NoInterference
from sim.state import Homogeneous, Inventory, Pool
from sim.workload import Given
from tests.conftest import gantt
from tests.plain.plain import INF, Node
from tests.plain.shares import Look, Shares
from tests.plain.test_same import PLACES, RULES, plain_jobs, workload

pytestmark = pytest.mark.rare

# nvidia-smi mig -lgipp: profile, {first slices}:size. Most instances: the MIG User Guide's tables.
A100_40 = {
    "1g.5gb": ("{0,1,2,3,4,5,6}:1", 7),
    "1g.5gb+me": ("{0,1,2,3,4,5,6}:1", 1),
    "1g.10gb": ("{0,2,4,6}:2", 4),
    "2g.10gb": ("{0,2,4}:2", 3),
    "3g.20gb": ("{0,4}:4", 2),
    "4g.20gb": ("{0}:4", 1),
    "7g.40gb": ("{0}:8", 1),
}
H100 = {
    "1g.10gb": ("{0,1,2,3,4,5,6}:1", 7),
    "1g.10gb+me": ("{0,1,2,3,4,5,6}:1", 1),
    "1g.20gb": ("{0,2,4,6}:2", 4),
    "2g.20gb": ("{0,2,4}:2", 3),
    "3g.40gb": ("{0,4}:4", 2),
    "4g.40gb": ("{0}:4", 1),
    "7g.80gb": ("{0}:8", 1),
}
A30 = {
    "1g.6gb": ("{0,1,2,3}:1", 4),
    "1g.6gb+me": ("{0,1,2,3}:1", 1),
    "2g.12gb": ("{0,2}:2", 2),
    "2g.12gb+me": ("{0,2}:2", 1),
    "4g.24gb": ("{0}:4", 1),
}
TABLES = {"a100-40gb": A100_40, "a100-80gb": H100, "a100": H100, "h100": H100, "a30": A30}
WHOLE = {"a30": 4}


def legal(gpu, profile):
    """Return [(slices as a set, media)] in order of the first slice."""
    if profile not in TABLES[gpu]:
        return []
    firsts, size = re.fullmatch(r"\{([\d,]+)\}:(\d)", TABLES[gpu][profile][0]).groups()
    media = profile.endswith("+me") or int(size) == WHOLE.get(gpu, 8)
    return [(frozenset(range(int(f), int(f) + int(size))), media) for f in firsts.split(",")]


def spoils(gpu, taken, place):
    """Return how many free places of larger instances a place would take."""
    rivals = [p for name in TABLES[gpu] if not name.endswith("+me") for p, _ in legal(gpu, name)]
    return sum(len(p) > len(place) and not p & taken and bool(p & place) for p in rivals)


class CutLook(Look):
    """A node whose devices may hold instances: `instances[d]` is a list of (slices, media)."""

    def __init__(self, devices, mcpu, mem, held=None, gpu="", fixed=None, instances=None):
        super().__init__(devices, mcpu, mem, held) if held is not None else super().__init__(
            devices, mcpu, mem
        )
        self.gpu, self.fixed = gpu, fixed or {}
        self.instances = instances or defaultdict(list)

    def copy(self):
        other = defaultdict(list, {d: list(i) for d, i in self.instances.items()})
        made = super().copy()
        return CutLook(made.devices, made.mcpu, made.mem, made.held, self.gpu, self.fixed, other)

    def taken(self, d):
        return frozenset().union(*(slices for slices, _ in self.instances[d]))

    def places(self, d, profile):
        """Return the places that an instance could take now, in order."""
        if d in self.fixed:
            could = [place for name, place in self.fixed[d] if name == profile]
        elif not self.fixed and (self.instances[d] or self.devices[d] == 1000):
            could = legal(self.gpu, profile)
        else:
            return []
        media = any(m for _, m in self.instances[d])
        return [p for p in could if not p[0] & self.taken(d) and not (p[1] and media)]

    def take(self, job, gpus, devices, sign):
        if not job["mig"]:
            super().take(job, gpus, devices, sign)
            return
        super().take(job | {"milli": 0}, 0, [], sign)  # no cores, no memory are asked for here
        for d, place in devices:
            if sign > 0:
                assert place not in self.instances[d]
                self.instances[d].append(place)
            else:
                self.instances[d].remove(place)
            if d not in self.fixed:
                self.devices[d] = 0 if self.instances[d] else 1000
        self.held["share"] += sign


class Cut(Shares):
    """Shares, with jobs that have `mig`, the profile of the instance that they take of each GPU."""

    def __init__(self, *args, gpus, fixed, spares, **kws):
        super().__init__(*args, **kws)
        self.spares = spares
        for n in self.nodes:
            devices = [0 if d in fixed[n.number] else 1000 for d in range(n.size)]
            self.looks[n.number] = CutLook(
                devices, n.mcpu, n.mem, None, gpus[n.number], fixed[n.number]
            )

    def fits(self, job, node, gpus, free, limit):
        if not job["mig"]:
            return super().fits(job, node, gpus, free, limit)
        look = free[node.number]
        if sum(bool(look.places(d, job["mig"])) for d in range(node.size)) < gpus:
            return False
        return limit is None or node.number not in limit or limit[node.number][0] >= gpus

    def which(self, job, node, gpus, look):
        if not job["mig"]:
            return super().which(job, node, gpus, look)
        options = []
        for d in range(node.size):
            taken = look.taken(d)
            could = look.places(d, job["mig"])
            if could and self.spares:
                order = [(spoils(look.gpu, taken, p[0]), i) for i, p in enumerate(could)]
                n, i = min(order)
                options.append((n, -len(taken), d, could[i]))
            elif could:
                options.append((0, -len(taken), d, could[0]))
        return [(d, place) for _, _, d, place in sorted(options, key=lambda o: o[:3])[:gpus]]

    def start(self, j, kind, got):
        if not self.jobs[j]["mig"]:
            super().start(j, kind, got)
            self.rows[-len(got) :] = [[*row, ""] for row in self.rows[-len(got) :]]
            return
        job, held = self.jobs[j], []
        for node, gpus in got:
            devices = sorted(self.which(job, node, gpus, self.looks[node.number]))
            self.looks[node.number].take(job, gpus, devices, 1)
            held.append((node, gpus, devices))
        end = self.now + job["work"] / job["speed"][kind]
        for node, gpus, devices in held:
            text = " ".join(f"{d}:{min(p)}-{max(p)}" + "+me" * m for d, (p, m) in devices)
            names = "-".join(str(d) for d, _ in devices)
            self.rows.append([j, node.number, gpus, self.now, end, names, text])
        self.running[j] = {"end": end, "expect": self.now + job["wall"] / job["speed"][kind],
                           "kind": kind, "got": got, "held": held}  # fmt: skip
        self.queue.remove(j)


POOLS = (
    Pool("x", 2, 3, "h100"),
    Pool("y", 2, 2, "a100-40gb"),
    Pool("z", 2, 2, "a30", mig=["2g.12gb,2x1g.6gb"]),
)
FIXED = [{}] * 4 + [
    {0: [("2g.12gb", legal("a30", "2g.12gb")[0]), ("1g.6gb", legal("a30", "1g.6gb")[2]),
         ("1g.6gb", legal("a30", "1g.6gb")[3])]}
] * 2  # fmt: skip
GPUS = ["h100"] * 2 + ["a100-40gb"] * 2 + ["a30"] * 2
ASKED = ["1g.10gb", "2g.20gb", "3g.40gb", "4g.20gb", "7g.80gb", "1g.5gb", "3g.20gb", "1g.6gb",
         "1g.5gb+me", "2g.12gb", "1g.20gb", None, None, None, None]  # fmt: skip


def cut_workload(seed, jobs, load):
    made = workload(seed, jobs, POOLS, load)
    rng = np.random.default_rng(seed + 3)
    profile = rng.choice(np.array(ASKED, object), jobs)
    gpus = np.minimum(made["gpus"], 3)
    profile[gpus > 2] = None
    milli = rng.choice([None, None, 250, 500], jobs)
    milli[(profile != None) | (gpus > 2)] = None  # noqa: E711
    return made | {"gpus": gpus.astype(np.int32), "mig_profile": list(profile),
                   "gpu_milli": list(milli)}  # fmt: skip


def both(made, rule, place, position):
    fast_rule, plain_rule = RULES[rule]
    result = simulate(Scenario(
        Inventory(POOLS), Given(made), backfill=fast_rule, placement=PLACES[place],
        sharing=NoInterference(position),
    ))  # fmt: skip
    number = {name: i for i, name in enumerate(result.nodes.column("node").to_pylist())}
    fast = [[int(r["job_id"]), number[r["node"]], r["gpus"], r["start_s"], r["end_s"],
             r["devices"] or "", r["slices"] or ""] for r in result.ledger.to_pylist()]  # fmt: skip
    jobs = plain_jobs(made, POOLS)
    for i, job in enumerate(jobs):
        job["milli"], job["mig"] = made["gpu_milli"][i] or 1000, made["mig_profile"][i]
        if job["mig"]:
            job["milli"] = 1
            have = [{n for d in f.values() for n, _ in d} or set(TABLES[g])
                    for f, g in zip(FIXED, GPUS, strict=True)]  # fmt: skip
            kinds = {k for k in range(3) if job["mig"] in have[2 * k]}
            job["speed"] = {k: s for k, s in job["speed"].items() if k in kinds}
    for row in result.jobs.to_pylist():
        if row["state"] == "unfit":
            jobs[int(row["job_id"])] |= {"enter": 1e18, "cancel": 0.0}
    sizes = [3, 3, 2, 2, 2, 2]
    nodes = [Node(i, i // 2, size) for i, size in enumerate(sizes)]
    slow = Cut(nodes, jobs, plain_rule, place, None, gpus=GPUS, fixed=FIXED,
               spares=position == "spare")  # fmt: skip
    return fast, slow.run(), result


def apart(result):
    """Instances on a device never meet, and no whole or shared job lies beside them."""
    events = defaultdict(list)
    for row in result.ledger.to_pylist():
        for d in filter(None, (row["devices"] or "").split("-")):
            slices = dict(part.split(":") for part in (row["slices"] or "").split())
            first, _, last = slices.get(d, "-").removesuffix("+me").partition("-")
            lies = set(range(int(first), int(last) + 1)) if first else None
            media = slices.get(d, "").endswith("+me")
            end_s = INF if row["end_s"] is None else row["end_s"]
            events[row["node"], d].append((row["start_s"], end_s, lies, media, row["job_id"]))
    pairs = 0
    for rows in events.values():
        for i, (a, b, mine, me, _) in enumerate(rows):
            for c, d, theirs, they, _ in rows[:i]:
                if max(a, c) < min(b, d):
                    assert (mine is None) == (theirs is None)
                    assert mine is None or not mine & theirs
                    assert not (me and they)
                    pairs += mine is not None
    return pairs


@pytest.mark.parametrize("position", ["spare", "first"])
@pytest.mark.parametrize("place", ["pack", "spread"])
@pytest.mark.parametrize("rule", ["none", "skip", "easy nodes"])
def test_fast_is_plain(rule, place, position):
    pairs = 0
    for seed in range(4):
        made = cut_workload(seed, 90, 3.0)
        fast, slow, result = both(made, rule, place, position)
        for i, (a, b) in enumerate(zip(fast, slow, strict=False)):
            assert a == b, f"seed {seed} row {i}: fast {a}, plain {b}\n{gantt(result)[:3000]}"
        assert len(fast) == len(slow)
        pairs += apart(result)
    assert pairs > 20


@pytest.mark.parametrize("choice", [{"placement": MostAllocated()}, {"queue": Smallest(),
                                    "preemption": Tail(cost_s=2.0)}])  # fmt: skip
def test_instances_never_meet_under_other_rules(choice):
    made = cut_workload(9, 200, 4.0)
    result = simulate(Scenario(Inventory(POOLS), Given(made), **choice))
    assert apart(result) > 20
    states = set(result.jobs.column("state").to_pylist())
    assert states <= {"completed", "unfit"}


@pytest.mark.parametrize("position", ["spare", "first"])
@pytest.mark.parametrize("gpu", TABLES)
def test_as_many_instances_of_one_profile_as_nvidia_says(gpu, position):
    for profile, (_, most) in TABLES[gpu].items():
        many = most + 2
        made = {"submit_s": [0.0] * many, "gpus": [1] * many, "work_s": [10.0] * many,
                "mig_profile": [profile] * many}  # fmt: skip
        result = simulate(Scenario(Homogeneous(1, 1, gpu), Given(made),
                                   sharing=NoInterference(position)))  # fmt: skip
        begun = result.jobs.column("start_s").to_pylist()
        assert begun.count(0.0) == most, profile
        part = [row["gpu_milli"] for row in result.ledger.to_pylist()]
        size = len(legal(gpu, profile)[0][0])
        assert set(part) == {1000 * size // WHOLE.get(gpu, 8)}


def test_sparing_holds_more_than_the_first_place():
    """One small instance comes first: at slice 0 it takes half of the GPU from larger ones."""
    made = {"submit_s": [0.0] * 2, "gpus": [1] * 2, "work_s": [10.0] * 2,
            "mig_profile": ["1g.10gb", "4g.40gb"]}  # fmt: skip
    for position, begun in (("spare", [0.0, 0.0]), ("first", [0.0, 10.0])):
        result = simulate(Scenario(Homogeneous(1, 1, "h100"), Given(made),
                                   sharing=NoInterference(position)))  # fmt: skip
        assert result.jobs.column("start_s").to_pylist() == begun


def test_geometries_are_exactly_those_that_some_order_of_places_allows():
    from sim.state.mig import geometry

    names = [name for name in H100 if not name.endswith("+me")]
    for many in (1, 2, 3):
        for wanted in product(names, repeat=many):
            lists = [legal("h100", name) for name in wanted]
            could = any(
                sum(len(p) for p, _ in places) == len(frozenset().union(*(p for p, _ in places)))
                for order in permutations(lists)
                for places in product(*order)
            )
            assert (geometry("h100", ",".join(wanted)) is not None) == could, wanted
    assert len(geometry("h100", "7x1g.10gb")) == 7
    assert geometry("h100", "8x1g.10gb") is None
    assert geometry("h100", "") == []


def test_a_fixed_geometry_holds_only_its_own():
    cluster = Homogeneous(1, 3, "h100", mig=["2x3g.40gb", "7x1g.10gb"])
    made = {"submit_s": [0.0, 0.0, 0.0, 1.0, 2.0], "gpus": [1, 2, 1, 1, 2], "work_s": [10.0] * 5,
            "mig_profile": ["3g.40gb", "1g.10gb", "2g.20gb", None, None]}  # fmt: skip
    with pytest.raises(ScenarioError) as caught:
        simulate(Scenario(cluster, Given(made)))
    assert caught.value.issues == [
        "mig_profile: is '2g.20gb' of job '2'; must be a profile of the cluster's GPUs: h100 has "
        "1g.10gb, 3g.40gb"
    ]
    made["mig_profile"][2] = "3g.40gb"
    result = simulate(Scenario(cluster, Given(made), placement=Pack()))
    got = {row["job_id"]: row for row in result.ledger.to_pylist()}
    assert (got["0"]["slices"], got["2"]["slices"]) == ("0:0-3", "0:4-7")
    assert got["3"]["devices"] == "2"  # the only device that is whole
    states = dict(
        zip(result.jobs["job_id"].to_pylist(), result.jobs["state"].to_pylist(), strict=True)
    )
    assert states["1"] == "unfit"  # an instance of each of two devices: only one is cut so
    assert states["4"] == "unfit"  # nor are there two whole ones


def test_wrong_wishes_are_told():
    made = {"submit_s": [0.0], "gpus": [1], "work_s": [1.0], "mig_profile": ["5g.10gb"]}
    with pytest.raises(
        ScenarioError, match=r"must be a profile of .*h100 has 1g.10gb, 1g.10gb\+me"
    ):
        simulate(Scenario(Homogeneous(1, 1, "h100"), Given(made)))
    with pytest.raises(ScenarioError, match="v100 has none"):
        simulate(Scenario(Homogeneous(1, 1, "v100"), Given(made)))
    for more, told in (({"gpu_milli": [500]}, "beside gpu_milli"), ({"gpus": [0]}, "gpus above 0"),
                       ({"mig_profile": ["half"]}, "as `1g.10gb`")):  # fmt: skip
        with pytest.raises(TraceError, match=told):
            simulate(Scenario(Homogeneous(1, 1, "h100"), Given(made | more)))
    wrong = Homogeneous(1, 1, "h100", mig=["2x4g.40gb", "1g.10gb"])
    with pytest.raises(ScenarioError) as caught:
        simulate(Scenario(wrong, Given(made)))
    assert any(
        "cluster.mig: lists 2 devices; the node has only 1" in t for t in caught.value.issues
    )
    assert any(t.startswith("cluster.mig[0]: is '2x4g.40gb'; must be instances that fit on one h100")
               for t in caught.value.issues)  # fmt: skip
