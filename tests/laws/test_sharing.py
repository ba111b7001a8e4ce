"""Laws of sharing: closed forms, the max-min property, and repair that equals solving anew.

Sums in another order differ by a few ulp, and a level that moved by less than 1e-11 of itself
may stay: so 1e-9 wherever two ways are compared.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import ScenarioError
from sim.kernel.flows import Sharing, finish_times, max_min
from sim.kernel.flows.share import levels
from sim.state import flows as tables
from tests.plain import maxmin as plain

RTOL = 1e-9


def flat(lists, kind=float):
    return np.array([x for part in lists for x in part], kind)


def csr(paths):
    return np.cumsum([0, *map(len, paths)]), flat(paths, int)


def close(ours, truth):
    np.testing.assert_allclose(ours, truth, rtol=RTOL, atol=0)


@st.composite
def systems(draw, fatpipes=True, plainly=False):
    """Return capacity, paths and keywords of a small system, many of its shares equal."""
    links = draw(st.integers(1, 6))
    capacity = draw(st.lists(st.sampled_from([1.0, 3.0, 10.0, 0.7]), min_size=links, max_size=links))  # fmt: skip
    n = draw(st.integers(1, 9))
    path = st.lists(st.integers(0, links - 1), min_size=1, max_size=4, unique=True)
    paths = draw(st.lists(path, min_size=n, max_size=n))
    if plainly:
        return capacity, paths, {}
    number = st.sampled_from([1.0, 1.0, 2.0, 0.5, 0.3])
    fat = draw(st.sets(st.integers(0, links - 1))) if fatpipes else set()
    some = {
        "weights": [[draw(number) for _ in p] for p in paths],
        "penalty": draw(st.lists(number, min_size=n, max_size=n)),
        "bound": draw(st.lists(st.sampled_from([np.inf, 0.25, 2.0]), min_size=n, max_size=n)),
        "fat": fat,
    }
    return capacity, paths, some


def solved(solver, capacity, paths, some, *more):
    if not some:
        return solver(capacity, *csr(paths), *more)
    fat = np.isin(np.arange(len(capacity)), sorted(some["fat"]))
    chosen = {"weight": flat(some["weights"]), "penalty": some["penalty"]}
    chosen |= {"bound_Bps": some["bound"], "fatpipe": fat}
    return solver(capacity, *csr(paths), *more, **chosen)


@settings(deadline=None)
@given(st.one_of(systems(), systems(plainly=True)))
def test_rates_are_those_of_one_level_at_a_time(system):
    capacity, paths, some = system
    close(solved(max_min, *system), plain.rates(capacity, paths, **some))


@settings(deadline=None)
@given(systems(fatpipes=False))
def test_nobody_can_have_more_unless_one_who_has_less_gives(system):
    capacity, paths, some = system
    rate = solved(max_min, *system)
    level = rate * some["penalty"]
    first, link = csr(paths)
    flow = np.repeat(np.arange(len(paths)), np.diff(first))
    load = np.bincount(link, flat(some["weights"]) * rate[flow], minlength=len(capacity))
    assert (load <= np.array(capacity) * (1 + RTOL)).all()
    for i, path in enumerate(paths):
        bottleneck = any(
            load[x] >= capacity[x] * (1 - RTOL)
            and level[i] >= level[flow[link == x]].max() * (1 - RTOL)
            for x in path
        )
        assert bottleneck or rate[i] >= some["bound"][i] * (1 - RTOL)


@settings(deadline=None)
@given(st.one_of(systems(), systems(plainly=True)), st.data())
def test_finish_times_are_those_of_solving_anew_at_each_event(system, data):
    capacity, paths, some = system
    n = len(paths)
    numbers = st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.3, 7.0]), min_size=n, max_size=n)
    start, size = data.draw(numbers), data.draw(numbers)
    ours = solved(finish_times, *system, start, size)
    close(ours, plain.finish(capacity, paths, start, size, **some))


def with_twins(system, wider):
    """Return a system in which each link stands several times for the same users.

    As much wider, and every second one a fatpipe if the first is none, or the other way round.
    """
    capacity, paths, some = system
    n = len(capacity)
    return [c * w for w in wider for c in capacity], [
        [x + n * t for t in range(len(wider)) for x in path] for path in paths
    ], some | {
        "weights": [list(w) * len(wider) for w in some["weights"]],
        "fat": {x + n * t for t in range(len(wider)) for x in range(n)
                if (x in some["fat"]) != (t % 2 == 1)},
    }  # fmt: skip


@settings(deadline=None)
@given(systems(), st.sampled_from([(1.0,), (1.5, 1.0), (3.0, 1.0, 2.0)]), st.data())
def test_jobs_that_come_and_go_have_the_rates_of_solving_anew(system, wider, data):
    capacity, paths, some = with_twins(system, wider)
    fat = np.isin(np.arange(len(capacity)), sorted(some["fat"]))
    sharing, live, told = Sharing(capacity, fat), [], {}
    capacity = list(capacity)
    for _ in range(data.draw(st.integers(1, 25))):
        i = data.draw(st.integers(0, len(paths) - 1))
        if data.draw(st.integers(0, 4)) == 0:
            x = data.draw(st.integers(0, len(capacity) - 1))
            capacity[x] = data.draw(st.sampled_from([0.0, 0.5, 2.0, 20.0]))
            changed = sharing.capacity(x, capacity[x])
        elif i in live:
            live.remove(i)
            del told[i]
            changed = sharing.drop(i)
        else:
            live.append(i)
            changed = sharing.add(i, paths[i], some["weights"][i], some["penalty"][i], some["bound"][i])  # fmt: skip
            assert i in changed.jobs
        before = dict(told)
        told.update(zip(changed.jobs, changed.rates, strict=True))
        assert set(told) == set(live)
        assert all(before.get(j) != told[j] for j in changed.jobs)
        chosen = {k: [v[j] for j in live] if k != "fat" else v for k, v in some.items()}
        truth = plain.rates(capacity, [paths[j] for j in live], **chosen)
        close([told[j] for j in live], truth)
        close([sharing.rate(j) for j in live], truth)
        load = np.zeros(len(capacity))
        for j in live:
            load[paths[j]] += np.array(some["weights"][j]) * told[j]
        close(sharing.load(), load)


def test_incast():
    capacity, paths = [10.0] * 8 + [10.0], [[i, 8] for i in range(8)]
    close(max_min(capacity, *csr(paths)), [10.0 / 8] * 8)
    # seven end together, then the last has all it can get
    size = [1.0] * 7 + [5.0]
    close(finish_times(capacity, *csr(paths), [0.0] * 8, size), [0.8] * 7 + [0.8 + 4.0 / 10.0])


def test_parking_lot():
    hops = 10
    paths = [list(range(hops))] + [[i] for i in range(hops) for _ in range(i + 1)]
    truth = [1.0 / (hops + 1)]
    for i in range(hops):
        truth += [(1.0 - truth[0]) / (i + 1)] * (i + 1)
    close(max_min([1.0] * hops, *csr(paths)), truth)


@pytest.mark.parametrize("oversubscription", [1, 2, 4, 8])
def test_all_to_all_is_held_by_the_bisection(oversubscription):
    half, port = 8, 1.0  # two leaves of so many nodes, one trunk each way
    n, trunk = 2 * half, half * port / oversubscription
    capacity = [port] * (2 * n) + [trunk] * 2
    across, within = [], []
    paths = []
    for a in range(n):
        for b in range(n):
            if a != b:
                far = a // half != b // half
                (across if far else within).append(len(paths))
                paths.append([a, n + b, *([2 * n + a // half] if far else [])])
    rate = max_min(capacity, *csr(paths))
    share = min(trunk / half**2, port / (n - 1))
    close(rate[across], share)
    close(rate[within], (port - half * share) / (half - 1))


def test_a_fatpipe_slows_nobody_and_a_duplex_cable_is_two_links():
    both = [[0], [0]]
    close(max_min([10.0], *csr(both), fatpipe=[True]), [10.0, 10.0])
    close(max_min([10.0], *csr(both)), [5.0, 5.0])
    close(max_min([10.0, 10.0], *csr([[0], [1]])), [10.0, 10.0])


def test_what_crosses_nothing_gets_its_bound_and_what_crosses_a_dead_link_stands():
    rate = max_min([0.0, 4.0], *csr([[], [], [0, 1], [1]]), bound_Bps=[3.0, np.inf, 9.0, 9.0])
    assert rate.tolist() == [3.0, np.inf, 0.0, 4.0]
    end = finish_times([0.0, 4.0], *csr([[], [0, 1], [1]]), [2.0, 0.0, 1.0], [5.0, 1.0, 4.0])
    assert end.tolist() == [2.0, np.inf, 2.0]


def test_a_change_of_units_changes_nothing_else():
    rng = np.random.default_rng(4)
    paths = [rng.choice(20, 3, replace=False) for _ in range(60)]
    capacity = rng.uniform(1, 9, 20)
    one = max_min(capacity, *csr(paths))
    close(max_min(capacity * 1e9, *csr(paths)), one * 1e9)
    order = rng.permutation(60)
    close(max_min(capacity, *csr([paths[i] for i in order])), one[order])


def large(flows, links, rng):
    """Return deep random paths, whose shares are all different, and bounds and weights."""
    paths = rng.integers(0, links, (flows, 4))
    return np.arange(0, 4 * flows + 1, 4), paths.ravel(), rng.uniform(1, 2, links)


@pytest.mark.heavy
@pytest.mark.parametrize("weighted", [False, True])
def test_what_is_poured_equals_what_rounds_settle(weighted):
    rng = np.random.default_rng(5)
    first, link, capacity = large(3 * tables.LARGE, 600, rng)
    n = len(first) - 1
    use = rng.choice([0.3, 1.0, 2.0], len(link)) if weighted else np.zeros(0)
    fat = rng.random(600) < (0.1 if weighted else 0.0)
    uses = tables.Uses(first[:-1], first[1:], link.astype(np.int32), use)
    bound = rng.choice([np.inf, 0.02], n)
    room = tables.room_for(600, n, len(link))
    once = np.zeros(n)
    rounds = levels(room, uses, tables.Links(capacity, fat), bound, np.arange(n, dtype=np.int32), once)  # fmt: skip
    load = np.zeros(600)
    peak = np.zeros(600)
    entry = use if weighted else np.ones(len(link))
    flow = np.repeat(np.arange(n), 4)
    np.add.at(load, link, entry * once[flow])
    most = np.zeros(600)
    np.maximum.at(most, link, entry * once[flow])
    np.maximum.at(peak, link, once[flow])
    load = np.where(fat, most, load)
    assert rounds < 20  # hundreds, had the rounds gone on to the end
    assert (load <= capacity * (1 + RTOL)).all()
    held = (load[link] >= capacity[link] * (1 - RTOL)) & (once[flow] >= peak[link] * (1 - RTOL))
    assert (np.bincount(flow, held, minlength=n).astype(bool) | (once >= bound)).all()


def test_all_faults_at_once():
    with pytest.raises(ScenarioError) as found:
        max_min([1.0, 2.0], [0, 1, 2], [0, 7], [1.0, -1.0], penalty=[1.0], bound_Bps=np.nan)
    text = str(found.value)
    for name in ("link", "weight[1]", "penalty", "bound_Bps[0]"):
        assert name in text, name
    with pytest.raises(ScenarioError, match="capacity_Bps"):
        Sharing([np.nan])
    sharing = Sharing([1.0])
    sharing.add("a", [0], [1.0])
    with pytest.raises(ScenarioError, match="is there already"):
        sharing.add("a", [0], [1.0])
    with pytest.raises(ScenarioError, match="is not there"):
        sharing.drop("b")


def test_a_default_run_does_not_import_it():
    code = (
        "import sys, sim, sim.study, sim.app.main; print([m for m in sys.modules if 'flows' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)  # fmt: skip
    assert done.stdout.strip() == "[]"
