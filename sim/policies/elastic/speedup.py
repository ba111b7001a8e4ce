"""The interface of speed-up curves."""

from __future__ import annotations

import abc

from sim.state.arrays import F8, I8


class AbstractSpeedup(abc.ABC):
    """How fast a job goes on so many GPUs."""

    @abc.abstractmethod
    def speed(self, gpus: I8, parallel_share: F8) -> F8:
        """Return the speed on `gpus` >= 1 GPUs, (k,), in any unit: only ratios are used.

        `parallel_share` is what each job's row says, nan where it says nothing.
        """


__all__ = ["F8", "I8", "AbstractSpeedup"]
