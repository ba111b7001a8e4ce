"""What designs with services cost, and which keeps the SLO for the least of it, in a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from sim.report.paired import paired

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


def by_chance(one: Design, other: Design, name: str) -> bool:
    """Return whether the seeds that both have do not tell two apart in a metric."""
    change = paired(one.values[name], other.values[name])
    return change is not None and change.half is not None and not change.clear


def as_said(one: Design, other: Design, name: str) -> bool:
    """Return whether two print alike in a metric."""
    from sim.report.compare import said

    return said(name, one.means[name]) == said(name, other.means[name])


def tied(designs: Sequence[Design]) -> list[Design]:
    """Return the cheapest design that keeps the SLO, else of most of it, and all that cost alike.

    Alike is what prints alike, or what the seeds do not tell apart. Of these, those under which
    jobs wait least come first, then the cheapest, then the first.
    """
    spends, kept = spent_on(designs), dict[int, float]()
    for i, design in enumerate(designs):
        met = design.means["slo_attainment_frac"]
        if met is not None:
            kept[i] = 1.0 if met >= KEPT else round(met, 4)  # as it is said
    able = [designs[i] for i in kept if kept[i] == max(kept.values())]
    if not able:
        return []

    def of(name: str, design: Design) -> float:
        value = design.means[name]
        return math.inf if value is None else value

    least = min(able, key=partial(of, spends))
    same = [d for d in able if as_said(d, least, spends) or by_chance(d, least, spends)]
    wait, ranks = "wait_mean_s", []
    for name, low in ((wait, min(same, key=partial(of, wait))), (spends, least)):
        ranks.append([of(name, low if as_said(d, low, name) else d) for d in same])
    return [same[i] for i in sorted(range(len(same)), key=lambda i: [rank[i] for rank in ranks])]


def best_of(designs: Sequence[Design]) -> Design | None:
    """Return the cheapest design that keeps the SLO, of those alike whose jobs wait least."""
    return next(iter(tied(designs)), None)


def paid(best: Design, first: Design) -> str:
    """Return what jobs wait under the best instead of under another, and how many fewer end.

    As clauses; "" where that is alike.
    """
    from sim.report.compare import NOISE, said

    name, text = "wait_mean_s", ""
    now, before = (said(name, d.means[name]) for d in (best, first))
    if None not in (best.means[name], first.means[name]) and now != before:
        text = f"; jobs then wait {now} on average instead of {before}"
        text += ", which may be chance" * by_chance(best, first, name)
    short = (best.means["not_completed"] or 0.0) - (first.means["not_completed"] or 0.0)
    return text + (f"; {said('', short)} jobs fewer are completed" if short > NOISE else "")


def answer(made: Comparison) -> str:
    """Return the comparison of services in one sentence: what keeps the SLO at the least cost."""
    from sim.report.compare import said

    alike = tied(made.designs)
    if not alike:
        return "No request came."
    best, first = alike[0], made.designs[0]
    beside = first if best is not first else alike[min(1, len(alike) - 1)]
    spends = spent_on(made.designs)
    kind = COSTS[spends]
    met, cost = best.means["slo_attainment_frac"] or 0.0, best.means[spends] or 0.0
    told = f"{100 * met:.2f} % for {said(spends, cost)} {kind.unit}{kind.whose}"
    jobs = paid(best, beside)
    if met < KEPT:
        goal = f"{100 * KEPT:.0f} % of requests within the SLO"
        return f"No design answers {goal}; {best.name} comes closest: {told}{jobs}."
    text = f"{best.name} keeps the SLO at the least cost: {told}"
    return f"{text}{held_against(best, beside, spends)}{jobs}."


def held_against(best: Design, other: Design, spends: str) -> str:
    """Return what the best costs against another, as a clause; "" where there is none."""
    cost, before = best.means[spends] or 0.0, other.means[spends]
    if best is other or not before:
        return ""
    if as_said(best, other, spends):
        return f", at the same cost as {other.name}"
    less = 100.0 * (1.0 - cost / before)
    word = COSTS[spends].less if less > 0 else COSTS[spends].more
    share = f"{abs(less):.0f}" if abs(less) >= 0.5 else f"{max(abs(less), 0.1):.1f}"
    text = f"{share} % {word}"
    if by_chance(best, other, spends):
        return f", at the same cost as {other.name} ({text}, which may be chance)"
    return f", {text} than {other.name}"
