"""A whole run on 4,096 GPUs is slowed by hashing as the study of the facts says."""

import pytest

from experiments.routing.__main__ import STUDY
from experiments.routing.in_a_run import slowdown
from sim.policies.placement import Random

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("pairs", STUDY)
def test_jobs_placed_at_random_are_slowed_as_in_the_study(pairs):
    """Within 10 %: the study tells neither its jobs' lengths nor how it scattered them."""
    assert slowdown(pairs, Random()) == pytest.approx(STUDY[pairs], rel=0.1)
