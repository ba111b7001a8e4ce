"""The cost of hashing in closed form, against balls thrown and against max-min over real routes."""

import numpy as np
import pytest

import topologies
from experiments.routing import ring_jobs, slowdowns, used_by
from sim.physics.routing import hashed_slowdown
from topologies import Ecmp, Spraying


@pytest.mark.parametrize(("q", "load", "links"), [(1, 1.0, 100), (4, 0.6, 300), (32, 0.9, 50)])
def test_the_fullest_of_many_links_is_what_throwing_gives(q, load, links):
    thrown = np.random.default_rng(1).poisson(q * load, (20_000, links)).max(axis=1) / q
    # five standard errors of 20,000 throws
    error = 5 * thrown.std() / np.sqrt(len(thrown))
    assert hashed_slowdown(q, load, links)[0] == pytest.approx(max(1.0, thrown.mean()), abs=error)


def test_nobody_is_slowed_without_neighbours_or_links_and_many_pairs_are_spraying():
    assert hashed_slowdown(1, 1.0, 0)[0] == 1.0
    assert hashed_slowdown(4, 1e-9, 10)[0] == 1.0
    slow = hashed_slowdown([1, 4, 16, 64, 4096], 0.9, 200)
    assert (np.diff(slow) < 0).all()
    assert slow[-1] == pytest.approx(1.0, abs=0.05)  # its spread is 1 / sqrt(3686)


@pytest.mark.heavy
@pytest.mark.parametrize("pairs", [1, 4, 16])
def test_it_is_near_to_max_min_over_real_routes(pairs):
    """Within 15 % of the mean over jobs on 4,096 GPUs: what slower neighbours leave is neglected."""
    bundles = topologies.rail_optimized.arrays(512)
    fabric = topologies.cabled(bundles)
    jobs = ring_jobs(np.random.default_rng(0), 512, 0.4, 64)
    played = slowdowns(fabric, Ecmp(pairs), jobs, 8, 50e9, 1)
    first, link, weight = used_by(bundles, Spraying(), jobs, 8, 0)
    wired = bundles.kind[bundles.a[link // 2]] != "node"
    load = np.bincount(link[wired], weight[wired], len(bundles.link_Bps)) / np.repeat(
        bundles.cables, 2
    )
    job = np.repeat(np.arange(len(jobs)), np.diff(first))
    cables = np.repeat(bundles.cables, 2)[link]
    crossed = np.minimum(cables, weight * pairs)  # no more cables than pairs
    count = np.bincount(job[wired], crossed[wired], len(jobs))
    mean = np.bincount(job[wired], (load[link] * crossed)[wired], len(jobs)) / np.maximum(count, 1)
    ours = hashed_slowdown(pairs, mean, count)
    assert ours.mean() == pytest.approx(played.mean(), rel=0.15)
