"""Pollux' goodput: throughput times statistical efficiency, at the best batch size."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import final

import numpy as np

from sim.errors import ScenarioError
from sim.policies.elastic.speedup import F8, I8, AbstractSpeedup

BATCHES = 200
"""Batch sizes tried, in equal ratios: the best of them is within 0.01 % of the best of all."""


@final
@dataclass(frozen=True)
class Pollux(AbstractSpeedup):
    """Samples a second that help as much as those at the user's batch size, at the best batch.

    On g GPUs, batch M >= `batch` in s + 1 steps of m = M / (g (s + 1)) <= `gpu_batch` each:

        compute = grad_s + sample_s m
        sync    = 0 on one GPU, else sync_s + sync_gpu_s (g - 2), beyond `node_gpus` GPUs
                  far_sync_s and far_sync_gpu_s in their place
        step    = s compute + (compute^gamma + sync^gamma)^(1 / gamma)
        goodput = M / step x (noise + batch) / (noise + M)

    `noise` is the gradient noise scale, in samples. The default numbers are of no real network.

    Source: Qiao et al., Pollux, OSDI 2021, sections 3.1 and 3.2.
    Neglects: that the noise scale grows in the course of training, and where the GPUs really lie.
    """

    batch: int = 128
    gpu_batch: int = 128
    most_batch: int = 8192
    noise: float = 2000.0
    grad_s: float = 0.02
    sample_s: float = 0.002
    sync_s: float = 0.02
    sync_gpu_s: float = 0.0005
    node_gpus: int = 8
    far_sync_s: float = 0.06
    far_sync_gpu_s: float = 0.001
    gamma: float = 2.0

    def __post_init__(self) -> None:
        """Refuse numbers by which nothing could be computed."""
        least = {"batch": 1, "gpu_batch": 1, "gamma": 1, "most_batch": self.batch, "sample_s": 1e-9}
        found = [
            f"elastic.speedup.{knob.name}: is {getattr(self, knob.name)!r}; must be a number, at "
            f"least {least.get(knob.name, 0)}"
            for knob in fields(self)
            if not least.get(knob.name, 0) <= getattr(self, knob.name) < np.inf
        ]
        if found:
            raise ScenarioError(found)

    def speed(self, gpus: I8, parallel_share: F8) -> F8:
        """Return the goodput, (k,), samples a second."""
        del parallel_share
        made: F8 = best(self, 1 << int(np.max(gpus, initial=1)).bit_length())[gpus]
        return made

    def goodput(self, gpus: F8, batch: F8) -> F8:
        """Return the goodput of GPUs and batches, broadcast."""
        steps = np.ceil(batch / (gpus * self.gpu_batch))
        compute_s = self.grad_s + self.sample_s * batch / (gpus * steps)
        near = gpus <= self.node_gpus
        each_s = np.where(near, self.sync_gpu_s, self.far_sync_gpu_s)
        sync_s = np.where(near, self.sync_s, self.far_sync_s) + each_s * np.maximum(gpus - 2, 0)
        sync_s = np.where(gpus < 2, 0.0, sync_s)
        last_s = (compute_s**self.gamma + sync_s**self.gamma) ** (1.0 / self.gamma)
        made: F8 = batch / ((steps - 1) * compute_s + last_s)
        return made * (self.noise + self.batch) / (self.noise + batch)


@lru_cache(maxsize=8)
def best(curve: Pollux, most: int) -> F8:
    """Return the goodput at the best batch on 0 … `most` GPUs, (most + 1,)."""
    gpus = np.arange(1.0, most + 1.0)[:, None]
    batch = np.geomspace(curve.batch, curve.most_batch, BATCHES)
    # a full step of every GPU may lie between two of the batches tried
    full = np.clip(gpus * curve.gpu_batch, curve.batch, curve.most_batch)
    made = np.maximum(curve.goodput(gpus, batch).max(1), curve.goodput(gpus, full)[:, 0])
    return np.concatenate([[0.0], made])
