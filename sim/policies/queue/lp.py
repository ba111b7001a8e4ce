"""Shares of time on kinds of node, as linear programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.policies.queue.centre import Room, centre
from sim.state.arrays import F8

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # a third of a second at run: only where a solver is asked


def capacity(gpus: F8, kind_gpus: F8, allowed: np.ndarray) -> tuple[csr_array, F8]:
    """Return A and b of A x <= b for the shares x, (k x kinds) in rows, of k jobs.

    No job runs more than all the time, and no kind of node is given away more than once.
    """
    from scipy.sparse import coo_array, csr_array, vstack

    k, kinds = allowed.shape
    one, at = np.divmod(np.arange(k * kinds), kinds)
    times = coo_array((np.ones(k * kinds), (one, np.arange(k * kinds))))
    spent = coo_array((gpus[one], (at, np.arange(k * kinds))), shape=(kinds, k * kinds))
    return csr_array(vstack([times, spent])), np.concatenate([np.ones(k), kind_gpus])


def per_job(gain: F8) -> csr_array:
    """Return the matrix that sums gain x share of each job, (k, k x kinds)."""
    from scipy.sparse import csr_array

    k, kinds = gain.shape
    rows = np.repeat(np.arange(k), kinds)
    return csr_array((gain.ravel(), (rows, np.arange(k * kinds))), shape=(k, k * kinds))


def level(gain: F8, need: F8, gpus: F8, kind_gpus: F8) -> tuple[F8, float]:
    """Return the shares, (k, kinds), that give each job z times its need, and the greatest z.

    gain (k, kinds) is what a job has of all its time on a kind, 0 where it may not run.
    """
    from scipy.optimize import linprog
    from scipy.sparse import coo_array, hstack, vstack

    k, kinds = gain.shape
    held, most = capacity(gpus, kind_gpus, gain > 0.0)
    a = vstack([
        hstack([held, coo_array((len(most), 1))]),
        hstack([-per_job(gain), coo_array(need[:, None])]),
    ])  # fmt: skip
    bounds = np.zeros((k * kinds + 1, 2))
    bounds[:-1, 1], bounds[-1, 1] = gain.ravel() > 0.0, np.inf
    aim = np.zeros(k * kinds + 1)
    aim[-1] = -1.0
    found = linprog(aim, a, np.concatenate([most, np.zeros(k)]), bounds=bounds, method="highs")
    return np.clip(found.x[:-1].reshape(k, kinds), 0.0, 1.0), float(found.x[-1])


def greatest(value: F8, gain: F8, floor: F8, gpus: F8, kind_gpus: F8) -> F8 | None:
    """Return the shares of the greatest value, (k, kinds), that give each job its floor.

    None if no shares do.
    """
    from scipy import optimize, sparse

    k, kinds = gain.shape
    held, most = capacity(gpus, kind_gpus, gain > 0.0)
    bounds = np.stack([np.zeros(k * kinds), (gain.ravel() > 0.0).astype(float)], axis=1)
    found = optimize.linprog(-value.ravel(), sparse.vstack([held, -per_job(gain)]),
                    np.concatenate([most, -floor]), bounds=bounds, method="highs")  # fmt: skip
    return None if found.x is None else np.clip(found.x.reshape(k, kinds), 0.0, 1.0)


def spread(
    shares: F8, gain: F8, floor: F8, gpus: F8, kind_gpus: F8, value: F8 | None = None,
    near: float = 1e-3,
) -> F8:  # fmt: skip
    """Return the centre of the shares that are as good as these, but for a thousandth.

    Each job keeps its floor, and all together the value, if one is given.
    """
    free = gain > 0.0
    least = -np.inf if value is None else (1.0 - near) * float((value * shares).sum())
    asked, worth = (1.0 - near) * floor, np.zeros_like(gain) if value is None else value
    kept = np.where(floor > 0.0, asked, -np.inf)
    room = Room(gpus, np.maximum(kind_gpus, 1e-9), gain, kept, worth, least)
    each = min(1.0 / gain.shape[1], float((kind_gpus / np.maximum(gpus @ free, 1e-9)).min()))
    return centre((1.0 - 0.5 * near) * shares + 0.25 * near * each * free, room)
