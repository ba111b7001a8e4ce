"""What lending cost training: a design that lends against the same without, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sim.report.paired import paired

if TYPE_CHECKING:
    from sim.report.compare import Design

KNOB = "node_scaler"
COSTS = {"wait_mean_s": "mean wait", "jct_mean_s": "mean completion"}


def rest_of(design: Design) -> dict[str, str]:
    """Return what a design chose besides how nodes come and go."""
    return {k: v for k, v in design.choices.items() if k.split(".")[0] != KNOB}


def against(designs: Sequence[Design]) -> list[str]:
    """Return a sentence a design that lends nodes and has a twin that does not; [] without.

    A twin differs in `node_scaler` alone; differences are paired by seed.
    """
    from sim.report.compare import difference, said

    twins = [d for d in designs if not d.means["lent_gpu_hours"]]
    made = []
    for design in designs:
        lent_h = design.means["lent_gpu_hours"]
        twin = next((t for t in twins if rest_of(t) == rest_of(design)), None)
        if not lent_h or twin is None:
            continue
        parts = []
        for name, words in COSTS.items():
            change = paired(design.values[name], twin.values[name])
            if change is not None:
                parts.append(f"{words} {difference(name, change)}")
        lost = (design.means["lost_gpu_s"] or 0.0) - (twin.means["lost_gpu_s"] or 0.0)
        fewer = (design.means["not_completed"] or 0.0) - (twin.means["not_completed"] or 0.0)
        text = f"{design.name} lent {lent_h:,.0f} GPU-hours to others; training paid, against " \
               f"{twin.name}, with {', '.join(parts) or 'no wait that is known'} and " \
               f"{lost / 3600.0:+,.1f} GPU-hours of work lost"  # fmt: skip
        made.append(text + (f"; {said('', fewer)} jobs fewer completed." if fewer > 0.0 else "."))
    return made
