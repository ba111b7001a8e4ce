"""Replicas by the latencies that requests have, against those they should have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sim.policies.autoscaler.base import F8, AbstractAutoscaler, Seen, Wish, refuse, wrong
from sim.policies.autoscaler.capacity import lengths
from sim.policies.autoscaler.memory import note, of, told
from sim.policies.autoscaler.metrics import bounded, have, within

ADVICE = 61


def mean(values: F8) -> float:
    """Return the mean of what is a number; NaN of none."""
    real = values[np.isfinite(values)]
    return float(real.mean()) if len(real) else float("nan")


@final
@dataclass(frozen=True)
class SloDriven(AbstractAutoscaler):
    """TPOT says how loaded a replica is, its SLO how loaded it may be: ready x load / allowed.

    load = 1 - d0 / TPOT, allowed = 1 - d0 / (aim_frac SLO), as `sim.physics.batching.tpot_s` has
    it. In a pool that computes prompts TTFT stands for TPOT, a prompt's own time for d0. Where TTFT
    is above `aim_frac` of its SLO, TTFT / that times as many, at most twice. Fewer only by the most
    that was wanted in `down_window_s`.

    Source: own; SLO-driven scaling as in KServe issue 3561, llm-d's model-based mode.
    Neglects: percentiles: means are steered, so aim below the SLO; TTFT's own causes.
    """

    aim_frac: float = 0.7
    window_s: float = 60.0
    down_window_s: float = 300.0
    every_s: float = 15.0
    scrape_s: float = 15.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        refuse(wrong(self, shares=("aim_frac",), counts=("aim_frac",)))

    def wanted(self, seen: Seen) -> float:
        """Return what the last window wants; what is there if it has no latencies."""
        rows = within(seen.scrapes, seen.scrapes.time_s[-1] - self.window_s * (1.0 - 1e-9))
        ttft_s, tpot_s = mean(rows.ttft_s), mean(rows.tpot_s)
        of, ready = seen.replica, max(seen.ready, 1)
        step_s, slo_s, each_s = of.decode_s[0], of.tpot_slo_s, tpot_s
        if not np.isfinite(slo_s):
            prompt = lengths(seen, self.window_s)[0]
            step_s = of.mixed_s[0] + of.mixed_s[1] * prompt + of.mixed_s[2] * prompt**2
            slo_s, each_s = of.ttft_slo_s, ttft_s
        load = max(1.0 - step_s / each_s, 0.0) if each_s > 0.0 else 0.0
        allowed = max(1.0 - step_s / (self.aim_frac * slo_s), 0.05)
        made = ready * load / allowed
        late = ttft_s / (self.aim_frac * seen.replica.ttft_slo_s)
        return max(made, ready * min(late, 2.0)) if late > 1.0 else made

    def desired(self, seen: Seen, notes: F8) -> Wish:
        """Return what is wanted now, or was in the window, whichever is more."""
        if len(seen.scrapes.time_s) == 0:
            return Wish(bounded(seen, have(seen)), notes)
        want = bounded(seen, max(np.ceil(self.wanted(seen) - 1e-9), 1.0))
        kept = told(of(notes, ADVICE, seen.now_s - self.down_window_s),
                    note(ADVICE, seen.now_s, want))  # fmt: skip
        most = int(kept[:, 2].max())
        return Wish(bounded(seen, max(want, min(most, have(seen)))), kept)
