"""OpenB / FGD (ATC 2023): the authors' curves, and every placement of an exact re-implementation."""

import numpy as np
import pytest

from experiments.validation import openb
from tests.conftest import shared

EXACT = ("02-DotProd", "03-GpuClustering", "04-GpuPacking", "05-BestFit", "06-FGD")
POINTS = 0.01 + 1e-9  # both sides are rounded to 2 places
FEW = [("default", 42), ("default", 47), ("gpuspec25", 43), ("gpushare80", 44), ("multigpu20", 45),
       ("multigpu30", 42), ("cpu200", 46)]  # fmt: skip


@pytest.fixture(autouse=True)
def _truth_is_here():
    shared("groundtruth", "openb")


def agrees(variant, seed, policy):
    """Hold one run to the three published curves."""
    came = openb.arrivals(variant, seed)
    where = openb.ran(variant, seed, policy)
    amount, ratio = openb.fragments(variant, came, where)
    ours = {
        "alloc": openb.allocated(came, where),
        "frag_amount_pct": amount,
        "frag_ratio": ratio,
    }
    for name, values in ours.items():
        theirs = openb.curve(name, variant, policy, seed)
        off = np.abs(openb.by_arrived(came, values) - theirs)
        at = int(np.nanargmax(off))
        assert np.isfinite(theirs).sum() >= 120, "a curve of some length"
        assert np.nanmax(off) <= POINTS, f"{name} at {at}: off by {off[at]}, theirs {theirs[at]}"


@pytest.mark.parametrize("policy", EXACT)
@pytest.mark.parametrize(("variant", "seed"), FEW)
def test_the_curves_are_the_published_ones(variant, seed, policy):
    agrees(variant, seed, policy)


@pytest.mark.slow
@pytest.mark.parametrize("policy", EXACT)
def test_all_curves_of_all_variants_and_seeds(policy):
    for variant, seed in openb.cases():
        agrees(variant, seed, policy)


@pytest.mark.parametrize("policy", EXACT)
def test_every_pod_of_the_default_trace_lies_where_it_should(policy):
    where = openb.ran("default", 42, policy)
    truth = openb.rows(f"placements_default_seed42_{policy.split('-')[1]}.csv")
    assert len(truth) == len(openb.arrivals("default", 42))
    for i, row in enumerate(truth):
        assert where.get(i, ("", "")) == (row["node"], row["gpus"]), f"arrival {i}, {row['pod']}"


def random_off(variant, seeds):
    """Return how far the mean final allocation lies from the published one, in points."""
    ours, theirs = [], []
    for seed in seeds:
        came = openb.arrivals(variant, seed)
        values = openb.allocated(came, openb.ran(variant, seed, "01-Random"))
        ours.append(openb.by_arrived(came, values)[130])
        theirs.append(openb.curve("alloc", variant, "01-Random", seed)[130])
    return abs(np.mean(ours) - np.mean(theirs))


def test_random_is_as_random_on_the_default_trace():
    assert random_off("default", range(42, 52)) <= 0.3


@pytest.mark.slow
def test_random_is_as_random_everywhere():
    whole = [v for v in dict(openb.cases()) if sum(v == w for w, _ in openb.cases()) == 10]
    off = {variant: random_off(variant, range(42, 52)) for variant in whole}
    assert max(off.values()) <= 0.3, off
