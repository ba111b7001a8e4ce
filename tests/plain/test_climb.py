"""Gangs in the lowest domain that holds them: the fast engine and a plain one, and the rules."""

import itertools

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.policies.placement import (
    FewestHops,
    KaiTopology,
    KueueTas,
    LeastContention,
    VolcanoTopology,
)
from tests.conftest import run
from tests.plain.test_switches import RACKS, Grouped, addresses, alike, racked, runs, spread, whole
from topologies.designs import HyperX, LeafSpine, RailOptimized

pytestmark = pytest.mark.rare

ALL = (KueueTas(), KaiTopology(), VolcanoTopology(), FewestHops(), LeastContention())


class Climbing(Grouped):
    """Domains are lists of nodes; whoever holds the gang lowest and tightest gives its parts."""

    first_alone = False

    def setup(self, start, top, tight, even):
        self.low, self.top, self.tight, self.even = start, top, tight, even
        self.at = addresses(RACKS)
        return self

    def on_kind(self, job, kind, free, limit):
        self.free_gpus, self.slice = free, job["segment"] or 1
        return super().on_kind(job, kind, free, limit)

    def racks(self, good):
        out = {}
        for n in good:
            out.setdefault(self.at[n][0], []).append(n)
        return [out[r] for r in sorted(out)]

    def size(self, nodes):
        return sum(len(r) // self.slice for r in self.racks(nodes))

    def spare(self, nodes):
        return sum(self.free_gpus[n][0] for n in nodes)

    def under(self, good, h):
        out = {}
        for n in good:
            out.setdefault(self.at[n][h], []).append(n)
        return [out[d] for d in sorted(out)]

    def best(self, domains, need):
        fit = [d for d in domains if self.size(d) >= need]
        return min(fit, key=lambda d: (self.size(d), self.spare(d)), default=None)

    def parts(self, domains, need):
        out, left = [], [d for d in domains if self.size(d)]
        sign = 1 if self.even else -1
        while need:
            d = self.best(left, need) if self.tight or self.even else None
            d = d or min(left, key=lambda d: (sign * self.size(d), self.spare(d)))
            out.append((d, min(need, self.size(d))))
            need -= out[-1][1]
            left.remove(d)
        return out

    def lay(self, job, good, need):
        if need % self.slice:
            return None
        need //= self.slice
        for h in range(self.low, self.top + 1):
            top = self.best(self.under(good, h), need)
            if top is None:
                continue
            taken = [(top, need)]
            for low in [0] if self.even and h else range(h - 1, -1, -1):
                held = sorted(n for d, _ in taken for n in d)
                taken = self.parts(self.under(held, low), need)
            want = {self.at[d[0]][0]: k * self.slice for d, k in taken}
            out = []
            for n in sorted(good, key=lambda n: (self.free_gpus[n][0], n)):
                if want.get(self.at[n][0], 0) > 0:
                    want[self.at[n][0]] -= 1
                    out.append(n)
            return out
        return None


SHAPES = {
    "kueue preferred": (KueueTas(), (0, 2, True, False)),
    "kueue required": (KueueTas("required", "pod"), (1, 1, True, False)),
    "kueue loose": (KueueTas("unconstrained"), (2, 2, True, True)),
    "kai": (KaiTopology("rack", "pod"), (0, 1, False, False)),
    "volcano": (VolcanoTopology("hard", 1), (0, 0, False, False)),
    "least contention": (LeastContention(), (0, 2, True, False)),
}


@pytest.mark.parametrize("which", SHAPES)
@pytest.mark.parametrize("rule", ["none", "easy nodes 4"])
def test_climbing_fast_is_climbing_plain(rule, which):
    place, shape = SHAPES[which]
    for seed in range(2):
        alike(spread(seed, 60, 1.0), rule, place, lambda *a: Climbing(*a).setup(*shape))


@pytest.mark.parametrize("place", ALL)
def test_who_fits_a_rack_never_leaves_it_on_an_empty_cluster(place):
    for need in range(1, 5):
        (nodes,) = runs(run(whole([need]), inventory=racked(16, 4), placement=place)).values()
        assert len({n // 4 for n in nodes}) == 1


def test_required_keeps_to_its_level_and_preferred_climbs_only_if_it_must():
    made = whole([3, 3, 2])  # two racks of 4: one node is left in each
    must = runs(run(made, inventory=racked(8, 4), placement=KueueTas("required")))
    assert (2, 1000.0) in must
    may = runs(run(made, inventory=racked(8, 4), placement=KueueTas()))
    assert {n // 4 for n in may[2, 2.0]} == {0, 1}
    assert all(len({n // 4 for n in may[j, float(j)]}) == 1 for j in (0, 1))


def test_slices_are_whole_in_a_rack():
    made = whole([1, 6], segment=[None, 2])
    seen = runs(run(made, inventory=racked(12, 4), placement=KueueTas()))
    racks = np.bincount([n // 4 for n in seen[1, 1.0]])
    assert sum(racks) == 6
    assert not (racks % 2).any()


def test_fewest_hops_has_the_least_sum_of_distances_of_all_choices():
    rng = np.random.default_rng(3)
    for _ in range(10):
        first = [int(v) for v in rng.integers(1, 4, 3)]
        need = int(rng.integers(2, 12 - sum(first) + 1))
        seen = runs(run(whole([*first, need]), inventory=racked(12, 4), placement=FewestHops()))
        taken = {n for j in range(3) for n in seen[j, float(j)]}
        free = [n for n in range(12) if n not in taken]

        def hops(nodes):
            return sum(2 if a // 4 == b // 4 else 4 for a, b in itertools.combinations(nodes, 2))

        assert hops(seen[3, 3.0]) == min(map(hops, itertools.combinations(free, need)))


def test_least_contention_without_load_is_the_tightest():
    made = spread(5, 80, 1.0)
    a = run(made, inventory=racked(24, 4), placement=LeastContention())
    b = run(made, inventory=racked(24, 4), placement=KueueTas())
    assert a.ledger.equals(b.ledger)


@pytest.mark.parametrize("fabric", [
    RailOptimized(nodes_per_leaf=4), RailOptimized(nodes_per_leaf=4, routing="ecmp"),
    RailOptimized(nodes_per_leaf=4, routing="adaptive"), HyperX(nodes_per_switch=4),
    LeafSpine(4, 2, routing="ecmp"),
], ids=lambda f: f"{type(f).__name__} {f.routing}")  # fmt: skip
def test_least_contention_leaves_the_leaf_whose_uplinks_are_used(fabric):
    """Six nodes fill a leaf and half of the next; two more go where nothing is sent, or tightest.

    So do two more again: between two leaves that send nothing the tightest is taken.
    """
    made = whole([6, 2, 2])
    for place, leaf in ((LeastContention(), 2), (KueueTas(), 1)):
        seen = runs(run(made, inventory=racked(12, 4), placement=place, fabric=fabric))
        assert {n // 4 for n in seen[0, 0.0]} == {0, 1}
        assert {n // 4 for n in seen[1, 1.0]} == {leaf}
    seen = runs(run(made, inventory=racked(12, 4), placement=LeastContention(), fabric=fabric))
    assert {n // 4 for n in seen[2, 2.0]} == {2}


def test_faults_are_named():
    for make, told in (
        (lambda: KueueTas("soft", "row"), ["mode: is 'soft'", "level: is 'row'"]),
        (lambda: KaiTopology("pod", "rack"), ["required: is 'rack'; must be pod or cluster"]),
        (lambda: KaiTopology("row", "hall"), ["preferred: is 'row'", "required: is 'hall'"]),
        (lambda: VolcanoTopology("firm", 4), ["mode: is 'firm'", "highest_tier_allowed: is 4"]),
    ):
        with pytest.raises(ScenarioError) as caught:
            make()
        found = caught.value.issues
        assert [text.startswith(f"placement.{t}") for text, t in zip(found, told, strict=True)] == [
            True
        ] * len(told)
    with pytest.raises(ScenarioError, match="nodes_per_rack"):
        run(whole([1]), inventory=racked(8, 8), placement=KueueTas("required"))
    with pytest.raises(ScenarioError, match="racks_per_pod"):
        run(whole([1]), inventory=racked(8, 4), placement=KaiTopology("pod"))
