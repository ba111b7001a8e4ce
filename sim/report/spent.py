"""What designs with services cost, and which keeps the SLO for the least of it, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sim.report.compare import Comparison, Design

KEPT = 0.99
"""Share of requests within the SLO from which on a design is taken to keep it."""


class Kind(NamedTuple):
    """A kind of cost: its unit, whose it is, the same at length, and what to call less and more."""

    unit: str
    whose: str
    at_length: str
    less: str
    more: str = "more"


COSTS = {
    "node_usd": Kind("usd", " of nodes", "of nodes that were on", "less"),
    "node_gpu_hours": Kind("GPU-hours", " of nodes", "of nodes that were on", "fewer"),
    "served_usd": Kind("usd", "", "of GPUs held by replicas", "less"),
    "gpu_hours": Kind("GPU-hours", "", "held by replicas", "fewer"),
}
"""Kinds of cost by metric; the first that all designs have counts."""


def spent_on(designs: Sequence[Design]) -> str:
    """Return what counts as cost: of nodes where all designs' come and go, else of GPUs held.

    In usd where all designs have a price of that, else in GPU-hours. A price of GPUs held says
    nothing of nodes that are on for nobody.
    """
    for name in COSTS:
        if all(design.means[name] is not None for design in designs):
            return name
    return "gpu_hours"


def best_of(designs: Sequence[Design]) -> Design | None:
    """Return the cheapest design that keeps the SLO, else who keeps most of it, for the least."""
    spends = spent_on(designs)
    ranks = {}
    for i, design in enumerate(designs):
        met, cost = design.means["slo_attainment_frac"], design.means[spends] or 0.0
        if met is not None:
            ranks[i] = (-min(met, KEPT), cost)
    return designs[min(ranks, key=lambda i: ranks[i])] if ranks else None


def paid(best: Design, first: Design) -> str:
    """Return what jobs wait under the best instead of under the first, and how many fewer end.

    As clauses; "" where that is alike.
    """
    from sim.report.compare import NOISE, said

    change, text = best.against_first["wait_mean_s"], ""
    now, before = (said("wait_mean_s", d.means["wait_mean_s"]) for d in (best, first))
    if change is not None and now != before:
        text = f"; jobs then wait {now} on average instead of {before}"
        if change.half is not None and not change.clear:
            text += ", which may be chance"
    short = (best.means["not_completed"] or 0.0) - (first.means["not_completed"] or 0.0)
    return text + (f"; {said('', short)} jobs fewer are completed" if short > NOISE else "")


def answer(made: Comparison) -> str:
    """Return the comparison of services in one sentence: what keeps the SLO at the least cost."""
    from sim.report.compare import said

    best, first = best_of(made.designs), made.designs[0]
    if best is None:
        return "No request came."
    spends = spent_on(made.designs)
    kind = COSTS[spends]
    met, cost = best.means["slo_attainment_frac"] or 0.0, best.means[spends] or 0.0
    told = f"{100 * met:.2f} % for {said(spends, cost)} {kind.unit}{kind.whose}"
    jobs = paid(best, first)
    if met < KEPT:
        goal = f"{100 * KEPT:.0f} % of requests within the SLO"
        return f"No design answers {goal}; {best.name} comes closest: {told}{jobs}."
    text = f"{best.name} keeps the SLO at the least cost: {told}"
    before = first.means[spends]
    if best is first or not before:
        return f"{text}{jobs}."
    less = 100.0 * (1.0 - cost / before)
    word = kind.less if less > 0 else kind.more
    return f"{text}, {abs(less):.0f} % {word} than {first.name}{jobs}."
