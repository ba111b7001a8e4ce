"""What a job's step computes and sends, from its parallelism and its model, or as given."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

F8 = NDArray[np.float64]


class Profile(NamedTuple):
    """What a step of each job is made of, (jobs,) each."""

    compute_s: F8  # what nobody else can slow: arithmetic, and what NVLink carries inside a node
    bytes_per_step: F8  # that a GPU sends into the fabric, between nodes
    latency_s: F8  # of the messages of a step, whatever their size
    overlap: F8  # part of the sending that may run beside compute, 0 … 1


def step_s(profile: Profile, bandwidth_Bps: ArrayLike, slowness: ArrayLike = 1.0) -> F8:
    """Return the time of a step, (jobs,): its slowest rank's.

        X = bytes_per_step / bandwidth      step = latency + (1 - o) X + max(slowness compute, o X)

    Parameters
    ----------
    bandwidth_Bps : (jobs,) a GPU's way out at the slowest of the job's links, after sharing.
    slowness : (jobs,) of the slowest node; 1 is as fast as planned.

    Source: synchronous training, every rank waits for the slowest; overlap as of DDP's buckets
        (Li et al., VLDB 2020).
    Neglects: the order of buckets: any byte that may overlap finds compute to hide behind.
    """
    sent = sending_s(profile, bandwidth_Bps)
    o = profile.overlap
    busy = np.maximum(np.asarray(slowness) * profile.compute_s, np.where(o > 0.0, o, 0.0) * sent)
    return np.asarray(profile.latency_s + (1.0 - o) * sent + busy)


def sending_s(profile: Profile, bandwidth_Bps: ArrayLike) -> F8:
    """Return the time in which a step's bytes cross the fabric, (jobs,); 0 where none do."""
    with np.errstate(divide="ignore", invalid="ignore"):
        sent = profile.bytes_per_step / np.asarray(bandwidth_Bps, np.float64)
    return np.where(profile.bytes_per_step > 0.0, sent, 0.0)


def duty(profile: Profile, bandwidth_Bps: ArrayLike, slowness: ArrayLike = 1.0) -> F8:
    """Return the part of its step in which each job uses the fabric, (jobs,), 0 … 1."""
    took = step_s(profile, bandwidth_Bps, slowness)
    sent = sending_s(profile, bandwidth_Bps)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = sent / took
    return np.where(took > 0.0, np.where(np.isinf(took), 1.0, part), 0.0)
