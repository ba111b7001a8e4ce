"""NVIDIA Dynamo's planner in its throughput mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

from sim.policies.autoscaler.base import F8, AbstractAutoscaler, Seen, Wish, refuse, wrong
from sim.policies.autoscaler.capacity import each_per_s, lengths, needed
from sim.policies.autoscaler.forecast import autoregressive, binned
from sim.policies.autoscaler.metrics import bounded, have


@final
@dataclass(frozen=True)
class Dynamo(AbstractAutoscaler):
    """ceil(next interval's requests per second / what a replica answers within the SLO).

    The rate is forecast one interval ahead, by the last one or by an autoregression of differences;
    prompt and output lengths are the last interval's. `budget_gpus` caps replicas x their GPUs; 0:
    no cap but the most.

    Source: ai-dynamo planner 1.4.2: 180 s, ARIMA by default, min replicas 1, budget 8 GPUs.
    Neglects: prefill and decode apart; its interpolated profiles, for which stands the closed form;
    the search for the order of ARIMA; its load mode.
    """

    predictor: Literal["constant", "arima"] = "arima"
    order: int = 3
    budget_gpus: int = 0
    every_s: float = 180.0
    scrape_s: float = 15.0

    def __post_init__(self) -> None:
        """Refuse wrong numbers."""
        refuse(wrong(self, counts=("order",), floor=("budget_gpus",)))

    def rate_per_s(self, seen: Seen) -> float:
        """Return the rate forecast for the next interval; NaN if nothing was seen."""
        rates, _ = binned(seen, self.every_s)
        if len(rates) == 0:
            return float("nan")
        return float(rates[-1] if self.predictor == "constant" else
                     autoregressive(rates, 1, self.order)[0])  # fmt: skip

    def desired(self, seen: Seen, notes: F8) -> Wish:
        """Return the replicas for the next interval."""
        rate = self.rate_per_s(seen)
        if not rate >= 0.0:
            return Wish(bounded(seen, have(seen)), notes)
        made = max(needed(rate, each_per_s(seen, *lengths(seen, self.every_s))), 1.0)
        if self.budget_gpus > 0:
            made = min(made, max(self.budget_gpus // seen.replica.gpus, 1))
        return Wish(bounded(seen, made), notes)
