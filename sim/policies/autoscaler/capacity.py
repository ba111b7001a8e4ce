"""How many replicas a rate of requests needs, by the closed form."""

from __future__ import annotations

import numpy as np

from sim.physics.batching import Batching, most_per_s, requests_like
from sim.policies.autoscaler.metrics import within
from sim.state.scaling import Seen


def lengths(seen: Seen, window_s: float) -> tuple[float, float]:
    """Return the mean prompt of the requests that came in the last window, the mean output of those
    answered in it, in tokens; 1 of none.

    Where the window has none it is asked of all that was seen.
    """

    def mean(tokens: str, many: str) -> float:
        for after_s in (seen.now_s - window_s, -np.inf):
            rows = within(seen.scrapes, after_s)
            count = float(getattr(rows, many).sum())
            if count > 0.0:
                return float(getattr(rows, tokens).sum()) / count
        return 1.0

    return mean("prompt_tokens", "arrivals"), mean("output_tokens", "ended")


def each_per_s(seen: Seen, prompt: float, output: float) -> float:
    """Return the requests per second that one replica answers within its TPOT.

    Neglects: all that `sim.physics.batching.most_per_s` does; lengths spread with cv 1. Where the
    SLO is below one step, it is what the replica can do at all.
    """
    replica = seen.replica
    model = Batching(replica.decode_s, replica.mixed_s, replica.batch, replica.kv_tokens)
    like = requests_like(prompt, output)
    within_slo = float(most_per_s(model, like, replica.tpot_slo_s))
    return within_slo if within_slo > 0.0 else float(most_per_s(model, like, np.inf))


def needed(rate_per_s: float, per_s: float) -> float:
    """Return ceil(rate / per_s), but for rounding of a billionth."""
    return float(np.ceil(rate_per_s / per_s - 1e-9))


def forecast_needs(
    seen: Seen, rate_per_s: float, headroom_frac: float, window_s: float = 3600.0
) -> float:
    """Return the replicas for a rate of requests of the usual lengths, with headroom."""
    per_s = each_per_s(seen, *lengths(seen, window_s))
    return needed(rate_per_s * (1.0 + headroom_frac), per_s)
