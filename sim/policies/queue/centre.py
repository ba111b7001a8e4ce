"""The middle of all shares that are as good as the best: what a linear program leaves open."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.state.arrays import F8

STEPS, ENOUGH = 100, 1e-6
"""Newton steps at most, and the decrement at which it stops."""


class Room(NamedTuple):
    """Where shares x, (k, kinds), may lie."""

    gpus: F8  # (k,)
    kind_gpus: F8  # (kinds,)
    gain: F8  # (k, kinds) sum_j gain_ij x_ij >= floor_i; 0 where a job may not run
    floor: F8  # (k,); -inf asks nothing
    value: F8  # (k, kinds) sum_ij value_ij x_ij >= least
    least: float  # -inf asks nothing

    def slacks(self, x: F8) -> tuple[F8, F8, F8]:
        """Return what is left of each job's time, above its floor, and of kinds and the value."""
        kinds = self.kind_gpus - self.gpus @ x
        gained = (self.gain * x).sum(axis=1) - self.floor
        worth = (self.value * x).sum() - self.least
        return 1.0 - x.sum(axis=1), gained, np.append(kinds, worth)


def centre(x: F8, room: Room) -> F8:
    """Return the analytic centre of the room, (k, kinds): the greatest product of all slacks.

    `x` must lie strictly inside, 0 where a job may not run. Newton's method; a step costs k times
    a system of as many equations as kinds.

    Source: Boyd and Vandenberghe, Convex Optimization, 8.5 and 9.5; an interior-point solver ends
    near it where a simplex ends in a corner.
    """
    free = room.gain > 0.0
    k, kinds = x.shape
    rows = np.zeros((kinds + 1, k, kinds))  # what couples jobs: kinds of node, and the value
    rows[np.arange(kinds), :, np.arange(kinds)] = -room.gpus
    rows[kinds] = room.value
    rows *= free
    x = np.where(free, x, 1.0)

    def inside(y: F8) -> float:
        """Return the sum of the logarithms of all slacks; -inf outside."""
        parts = [y[free], *room.slacks(y * free)]
        if any((part <= 0.0).any() for part in parts):
            return -np.inf
        return float(sum(np.log(part[np.isfinite(part)]).sum() for part in parts))

    height = inside(x)
    for _ in range(STEPS):
        idle, gained, common = room.slacks(x * free)
        slope = 1.0 / x - 1.0 / idle[:, None] + room.gain / gained[:, None]
        slope = (slope + np.einsum("c,ckj->kj", 1.0 / common, rows)) * free
        ones, gain = free / idle[:, None], room.gain / gained[:, None]
        block = ones[:, :, None] * ones[:, None, :] + gain[:, :, None] * gain[:, None, :]
        block[:, np.arange(kinds), np.arange(kinds)] += 1.0 / x**2
        right = np.concatenate([slope[None], rows]).transpose(1, 2, 0)
        solved = np.linalg.solve(block, right).transpose(2, 0, 1)
        couple = np.einsum("ckj,dkj->cd", rows, solved[1:]) + np.diag(common**2)
        if not np.isfinite(room.least):
            couple[kinds] = couple[:, kinds] = 0.0
            couple[kinds, kinds] = 1.0
        weight = np.linalg.solve(couple, np.einsum("ckj,kj->c", rows, solved[0]))
        step = (solved[0] - np.einsum("c,ckj->kj", weight, solved[1:])) * free
        decrement, size = float((slope * step).sum()), 1.0
        if decrement < ENOUGH:
            break
        while (new := inside(x + size * step)) < height + 0.1 * size * decrement and size > 1e-9:
            size *= 0.5
        if new <= height:
            break
        x, height = x + size * step, new
    return x * free
