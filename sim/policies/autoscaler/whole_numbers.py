"""Replicas of several services out of one budget of GPUs, as a programme in whole numbers."""

from __future__ import annotations

import numpy as np

from sim.state.arrays import F8, I8


def allot(
    need: F8, have: I8, gpus: I8, least: I8, most: I8, change_cost: float, budget_gpus: float
) -> I8:
    """Return the replicas of each service, (k,), from `least` to `most`.

    min sum gpus_i (x_i + change_cost up_i + short_cost short_i), x_i = have_i + up_i - down_i,
    x_i + short_i >= need_i, sum gpus_i x_i <= budget: what cannot be had is short, GPU for GPU.

    Source: SageServe's programme (min delta cost + start-up, capacity >= demand).
    Neglects: its regions and GPU types; ties go as the solver likes, the same way each time.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # a quarter of a second: only here

    k = len(have)
    eye, none = np.eye(k), np.zeros((k, k))
    short_cost = 1e3 * (1.0 + change_cost)
    aim = np.concatenate([gpus, gpus * change_cost, np.zeros(k), gpus * short_cost])
    limits = [
        LinearConstraint(np.hstack([eye, -eye, eye, none]), have, have),
        LinearConstraint(np.hstack([eye, none, none, eye]), need, np.inf),
        LinearConstraint(np.concatenate([gpus, np.zeros(3 * k)])[None], -np.inf, budget_gpus),
    ]
    bounds = Bounds(np.concatenate([least, np.zeros(3 * k)]),
                    np.concatenate([most, np.full(3 * k, np.inf)]))  # fmt: skip
    found = milp(aim, constraints=limits, bounds=bounds, integrality=np.ones(4 * k))
    if found.x is None:  # the budget is below the least of all together
        return np.asarray(least, np.int64)
    return np.rint(found.x[:k]).astype(np.int64)
