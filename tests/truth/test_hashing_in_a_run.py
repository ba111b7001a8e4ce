"""A whole run on 4,096 GPUs is slowed by hashing as the study of the facts says, and less by looks."""

import numpy as np
import pytest

from experiments.routing.__main__ import STUDY
from experiments.routing.in_a_run import DealtAnew, slowdown, slowdown_on
from sim.policies.placement import Random
from topologies.designs import FatTree, LeafSpine, RailOptimized

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("pairs", STUDY)
def test_jobs_placed_at_random_are_slowed_as_in_the_study(pairs):
    """Within 10 %: the study tells neither its jobs' lengths nor how it scattered them."""
    assert slowdown(pairs, Random()) == pytest.approx(STUDY[pairs], rel=0.1)


@pytest.mark.parametrize("fabric", [RailOptimized, FatTree, LeafSpine], ids=lambda x: x.__name__)
def test_switches_that_look_at_their_ports_lose_less_than_hashes(fabric):
    """And the less, the more queue pairs they have to deal out; see `docs/routing.md`."""

    def slow(routing, pairs):
        made = fabric(routing=routing, queue_pairs=pairs)
        return slowdown_on(made, Random(), 200, 0.9, 1.0)

    once = [slow("adaptive", pairs) for pairs in (1, 4, 16)]
    for mine, pairs in zip(once, (1, 4, 16), strict=True):
        assert 1.0 <= mine < slow("ecmp", pairs)
    assert once == sorted(once, reverse=True)


def test_to_look_again_and_again_gains_next_to_nothing():
    """In the mean over draws: one of them moves by 3 % either way."""
    fabric = LeafSpine(32, 32, routing="adaptive")
    gains = [
        slowdown_on(fabric, Random(), 400, 0.9, 1.0, (DealtAnew(300.0),), seed)
        / slowdown_on(fabric, Random(), 400, 0.9, 1.0, (), seed)
        for seed in (1, 2, 3)
    ]
    assert np.mean(gains) == pytest.approx(1.0, abs=0.02)
