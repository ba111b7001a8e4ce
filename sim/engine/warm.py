"""Replicas kept warm: the first stages of a cold start are done before anybody asks."""

from __future__ import annotations

import heapq

from sim.state.services import Serving


class WarmPool:
    """So many replicas on their way, each up to the same stage; one that is taken is made anew."""

    def __init__(self, of: Serving) -> None:
        """Begin full, at instant 0."""
        self.stages = of.warm_stages
        self.made_s = float(sum(of.stages_s[: of.warm_stages]))
        self._from_s = [0.0] * of.warm_replicas  # from when on each may be taken; a heap

    def take(self, now_s: float) -> int:
        """Return how many stages are done of a replica that starts now: 0 if none is warm."""
        if not self._from_s or self._from_s[0] > now_s:
            return 0
        heapq.heapreplace(self._from_s, now_s + self.made_s)
        return self.stages
