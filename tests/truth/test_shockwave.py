"""A real cluster: Shockwave's 32 GPUs at TACC ran 120 jobs under six policies.

Source: shared/groundtruth/peers/shockwave (Zheng et al., NSDI 2023), rounds of 120 s. As in the
authors' simulator, whose own knobs these are, a start after a round without GPUs costs 20 s, and
targets are made anew at most each 1,000 s. Batch sizes change while jobs run, so a job's work is the
GPU time that it had in their simulation (the same under each policy, within a hundredth in the mean),
not the time in the trace. Jobs are placed by count.

What is left of the gap, (mean JCT, makespan) ours over theirs:
- Gavel -7 %, -5 %: on the cluster jobs held 12 % more GPU time than their work.
- Themis +1 %, +5 %: the cluster extended leases more often (51 % of rounds; 32 % in their simulator).
- MST -9 %, -12 %: the cluster held 5 % more GPU time, and the last job came late.
- OSSP +11 %, -5 %: it extended 34 % of leases where their simulator has 15 %, which is 9 % slower too.
- AlloX -13 %, -1 %: ours knows the work exactly, theirs reckons what is left at the batch size of the
  moment; its simulator is as far from ours, so it is not the cluster.
- Shockwave -1 %, +2 %: plans shares by a linear program, theirs whole rounds by a mixed-integer one.
"""

import numpy as np
import pytest

from experiments.validation.rounds import SHOCKWAVE, shockwave_pair
from tests.conftest import shared


@pytest.fixture(scope="module")
def compared():
    """Return {policy: (mean JCT, makespan) of ours and of the cluster}."""
    shared("groundtruth", "peers", "shockwave")
    return {name: shockwave_pair(name) for name in SHOCKWAVE}


@pytest.mark.parametrize("name", SHOCKWAVE)
def test_within_15_percent_of_the_real_cluster(name, compared):
    ours, theirs = compared[name]
    assert np.array(ours) == pytest.approx(np.array(theirs), rel=0.15)


def test_mean_completion_in_the_same_order(compared):
    ours = sorted(SHOCKWAVE, key=lambda name: compared[name][0][0])
    assert ours == sorted(SHOCKWAVE, key=lambda name: compared[name][1][0])
