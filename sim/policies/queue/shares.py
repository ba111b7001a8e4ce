"""What jobs and tenants ask for, hold and have used, as shares of the cluster."""

from __future__ import annotations

import numpy as np

from sim.policies.queue.view import Jobs
from sim.state.arrays import F8
from sim.state.columns import PLENTY
from sim.state.words import JobState


class JobView(Jobs):
    """All that a queue policy sees: the columns of some jobs, and who holds what."""

    def _shares(self, rows: np.ndarray | slice) -> F8:
        """Return the shares of all GPUs, cores and memory that jobs ask for, (k, 3)."""
        jobs, nodes, parts = self._jobs, self._nodes, []
        for asked, there in ((jobs.gpus, nodes.gpus), (jobs.mcpu, nodes.mcpu),
                             (jobs.mem_bytes, nodes.mem_bytes)):  # fmt: skip
            total = float(there[there < PLENTY].sum()) or np.inf
            parts.append(asked[rows] / total)
        return np.stack(parts, axis=1)

    @property
    def asked_share(self) -> F8:
        """Return the shares of all GPUs, cores and memory each asks for, (k, 3).

        Of what nobody counts (nodes without a limit) every share is 0.
        """
        return self._shares(self._rows)

    @property
    def tenant_share(self) -> F8:
        """Return the shares of GPUs, cores and memory that each tenant holds, (tenants, 3)."""
        jobs = self._jobs
        rows = np.flatnonzero(jobs.state == JobState.RUNNING)
        held = np.zeros((int(jobs.tenant.max(initial=0)) + 1, 3))
        np.add.at(held, jobs.tenant[rows], self._shares(rows))
        return held

    @property
    def used_gpu_s(self) -> F8:
        """Return the GPU time that each tenant has used, (tenants,), older use forgotten."""
        usage = self._usage
        if np.ndim(self._now_s):
            return usage.gpu_s  # before the run
        for_s = self._now_s - usage.asof_s
        if usage.half_life_s == np.inf:
            return usage.gpu_s + usage.gpus * for_s
        kept = np.exp2(-for_s / usage.half_life_s)
        new: F8 = usage.gpus * usage.half_life_s / np.log(2.0) * (1.0 - kept)
        return usage.gpu_s * kept + new

    @property
    def speed(self) -> F8:
        """Return the speed of each on each kind of node, (k, kinds) work seconds a second; 0: not.

        0 too where all that is up of a kind has fewer GPUs than it asks for.
        """
        stride = self._notes.stride
        speed: F8 = self._kinds.speed[self._jobs.klass[self._rows] // stride * stride]
        return np.where(self._jobs.gpus[self._rows, None] <= self.kind_gpus, speed, 0.0)

    @property
    def kind_gpus(self) -> F8:
        """Return the GPUs of the nodes that are up, (kinds,)."""
        up = self._nodes.gpus * self._nodes.up
        return np.bincount(self._nodes.kind, up, len(self._kinds.size)).astype(np.float64)

    @property
    def notes(self) -> F8:
        """Return what the policy remembered of each, (k, numbers); nan at first."""
        notes: F8 = self._notes.value[self._rows]
        return notes

    @property
    def node_share(self) -> F8:
        """Return the share of all nodes that each asks for, (k,)."""
        jobs, rows, size = self._jobs, self._rows, max(int(self._nodes.gpus.max()), 1)
        many = np.where(jobs.chunk_gpus[rows] < 0, -(-jobs.gpus[rows] // size), jobs.chunks[rows])
        return np.maximum(many, 1) / len(self._nodes.gpus)

    @property
    def size_share(self) -> F8:
        """Return the mean of the shares of nodes and (if counted) cores each asks for, (k,)."""
        counted = (self._nodes.mcpu < PLENTY).any()
        return 0.5 * (self.node_share + self.asked_share[:, 1]) if counted else self.node_share
