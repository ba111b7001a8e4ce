"""Why jobs waited, and how tenants fared: figures of one run, and words for a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sim.report import figures
from sim.report.figures import BLUE, GRID, INK, ORANGE, QUIET, SAND
from sim.units import human_s

if TYPE_CHECKING:
    from sim.report.compare import Comparison
    from sim.results import Result

CAUSES = {
    "for_gpus_s": "too few GPUs were free",
    "scattered_s": "free GPUs were scattered",
    "held_back_s": "GPUs lay ready, held back",
}
SHADES = {"for_gpus_s": "#7b8794", "scattered_s": ORANGE, "held_back_s": BLUE}
TENANTS = 12
TELLS_S = 1.0
"""A mean wait below which causes say nothing."""


def shares(waited: Mapping[str, float | None]) -> dict[str, float]:
    """Return each cause's share of the waiting; empty where there is none, or it is not told."""
    known = {name: waited.get(name) for name in CAUSES}
    total = sum(v for v in known.values() if v is not None)
    if total < TELLS_S or None in known.values():
        return {}
    return {name: float(v or 0.0) / total for name, v in known.items()}


def told(result: Result) -> str:
    """Return in a sentence what the jobs waited for; "" where nothing waited."""
    part = shares(result.metrics["waited_for"])
    if not part:
        return ""
    said = [
        f"{100.0 * part['for_gpus_s']:.0f} % of the waiting there were too few GPUs free",
        f"{100.0 * part['scattered_s']:.0f} % enough were free, but scattered over nodes",
        f"{100.0 * part['held_back_s']:.0f} % they lay ready, and order, a reservation, cores or "
        "memory held the job back",
    ]
    return f"In {said[0]}, in {said[1]}, in {said[2]}."


@figures.style()
def by_cause(result: Result, width: float = figures.WIDE) -> str:
    """Return what jobs waited for, a bar of mean waiting a size of gang; "" if none waited."""
    rows = {
        name: [float(row["waited_for"][cause] or 0.0) for cause in CAUSES]
        for name, row in result.metrics["by_size"].items()
    }
    longest = max((sum(row) for row in rows.values()), default=0.0)
    if longest < TELLS_S:
        return ""
    size, unit = figures.unit_of(longest)
    figure, (axis,) = figures.canvas(width, 1.2 + 0.42 * len(rows))
    names = ["1 GPU" if name == "1" else f"{name.replace('-', '–')} GPUs" for name in rows]
    left = [0.0] * len(rows)
    for i, (cause, label) in enumerate(CAUSES.items()):
        part = [row[i] / size for row in rows.values()]
        axis.barh(names, part, left=left, height=0.62, color=SHADES[cause], label=label)
        left = [a + b for a, b in zip(left, part, strict=True)]
    axis.invert_yaxis()
    axis.grid(visible=False, axis="y")
    axis.grid(axis="x", color=GRID, linewidth=0.8)
    axis.tick_params(axis="y", labelcolor=INK)
    axis.set_xlim(0, 1.03 * longest / size)
    axis.set_xlabel(f"mean waiting of a job, {unit}, waits after a restart in it")
    figure.legend(
        loc="outside upper left", ncols=3 if width > figures.NARROW else 1, frameon=False,
        labelcolor=INK, handlelength=1.1,
    )  # fmt: skip
    return figures.svg(figure, f"What jobs waited for, by size of gang. {told(result)}")


@figures.style()
def by_tenant(result: Result, width: float = figures.WIDE) -> str:
    """Return what each tenant got beside how it fared; "" with fewer than two tenants.

    Left its share of the GPU time held, right the mean slowdown of its jobs, and a line at the
    mean over tenants: who lies right of it paid for the others.
    """
    found = {n: r for n, r in result.metrics["by_tenant"].items() if r["jobs"]}
    rows = dict(list(found.items())[:TENANTS])
    slow = [row["bounded_slowdown"]["mean"] for row in rows.values()]
    if len(rows) < 2 or not any(v is not None for v in slow):
        return ""
    gpu_s = sum(row["gpu_s"] for row in found.values()) or 1.0
    figure, (left, right) = figures.beside(width, 1.0 + 0.36 * len(rows))
    names = [name if len(name) <= 18 else f"{name[:17]}…" for name in rows]
    places = list(range(len(rows)))
    left.barh(places, [100.0 * r["gpu_s"] / gpu_s for r in rows.values()], 0.6, color=figures.PALE)
    right.barh(places, [v or 0.0 for v in slow], 0.6, color=SAND)
    mean = _mean(slow)
    right.axvline(mean, color=ORANGE, linewidth=1.4, zorder=0.8)
    left.set_yticks(places, names, color=INK)
    right.set_yticks([])
    left.set_title("share of GPU time, %", loc="left", color=BLUE, fontsize=10, fontweight="bold")
    right.set_title("mean slowdown", loc="left", color=ORANGE, fontsize=10, fontweight="bold")
    for place, value in zip(places, slow, strict=True):
        right.text(value or 0.0, place, f" {value:,.1f}" if value is not None else " –",
                   va="center", color=INK,
                   bbox={"color": "white", "alpha": 0.75, "pad": 0.6, "linewidth": 0})  # fmt: skip
    right.set_xlim(0, 1.15 * max(v for v in slow if v is not None))
    for axis in (left, right):
        axis.invert_yaxis()
        axis.grid(visible=False, axis="y")
        axis.grid(axis="x", color=GRID, linewidth=0.8)
        axis.tick_params(axis="x", labelcolor=QUIET)
    return figures.svg(figure, f"Tenants: share of GPU time and mean slowdown; its mean is "
                       f"{mean:.2f}")  # fmt: skip


def _mean(values: Sequence[float | None]) -> float:
    known = [v for v in values if v is not None]
    return sum(known) / len(known)


LABELS = {
    "for_gpus_mean_s": "too few free",
    "scattered_mean_s": "scattered",
    "held_back_mean_s": "held back",
    "wait_1_s": "1 GPU",
    "wait_2_7_s": "2–7",
    "wait_8_s": "8",
    "wait_9_64_s": "9–64",
    "wait_65_s": "> 64 GPUs",
    "fragmentation_frac": "fragmented",
    "restarts": "sent back",
    "suspended": "suspended",
    "lost_gpu_s": "GPU time lost",
    "worst_tenant_slowdown": "worst tenant's slowdown",
    "quota_lent_gpu_hours": "GPU-hours of quota lent",
    "quota_borrowed_gpu_hours": "GPU-hours beyond quota",
    "node_gpu_hours": "GPU-hours of nodes that were on",
    "away_gpu_hours": "GPU-hours away: off or lent",
    "node_usd": "usd of nodes",
    "nodes_gone": "nodes that went",
    "borrowed_gpu_hours": "GPU-hours taken",
    "borrowed_evictions": "times a job gave way",
    "borrowed_lost_gpu_hours": "GPU-hours of work lost by it",
    "borrowed_waited_gpu_hours": "GPU-hours waited by those",
    "lent_gpu_hours": "GPU-hours lent",
    "returned_gpu_hours": "of these returned",
    "late_gpu_hours": "handed over late",
    "lent_stops": "times a job was stopped for it",
    "lent_lost_gpu_hours": "GPU-hours of work lost",
    "lent_waited_gpu_hours": "GPU-hours waited by the stopped",
}
OF_JOBS = (
    ("what a job waited for, mean", ("for_gpus_mean_s", "scattered_mean_s", "held_back_mean_s")),
    ("who waited: mean by size of gang",
     ("wait_1_s", "wait_2_7_s", "wait_8_s", "wait_9_64_s", "wait_65_s")),
    ("what else",
     ("fragmentation_frac", "restarts", "suspended", "lost_gpu_s", "worst_tenant_slowdown")),
)  # fmt: skip
OF_NODES = (
    ("what queues lent of their quotas", ("quota_lent_gpu_hours", "quota_borrowed_gpu_hours")),
    ("nodes that come and go", ("node_gpu_hours", "away_gpu_hours", "node_usd", "nodes_gone")),
    ("what services took from running jobs",
     ("borrowed_gpu_hours", "borrowed_evictions", "borrowed_lost_gpu_hours",
      "borrowed_waited_gpu_hours")),
    ("nodes lent to others, and what it cost",
     ("lent_gpu_hours", "returned_gpu_hours", "late_gpu_hours", "lent_stops",
      "lent_lost_gpu_hours", "lent_waited_gpu_hours")),
)  # fmt: skip
BECAUSE = {
    "for_gpus_mean_s": "waiting for GPUs that are in use",
    "scattered_mean_s": "waiting beside scattered free GPUs",
    "held_back_mean_s": "being held back while GPUs lay ready",
}


def grounds(made: Comparison) -> list[tuple[str, dict[str, str]]]:
    """Return the labels of what tells why, in groups, without columns that no run has.

    Of jobs nothing is told where services alone are compared, and nothing that stands above.
    """
    shown = made.labels()

    def some(name: str) -> bool:
        return any(v for design in made.designs for v in design.values[name].values())

    kept = []
    jobs = OF_JOBS if some("jobs") or not some("gpu_hours") else ()
    for title, names in (*jobs, *OF_NODES):
        known = {name: LABELS[name] for name in names if some(name) and name not in shown}
        if known:
            kept.append((title, known))
    return kept


def reason(best: Mapping[str, Any], first: Mapping[str, Any]) -> str:
    """Return why one design waits less than another, by the means of each; "" if it is not told."""
    change = {
        name: float(best[name]) - float(first[name])
        for name in BECAUSE
        if best.get(name) is not None and first.get(name) is not None
    }
    if not change or min(change.values()) > -TELLS_S:
        return ""
    most = min(change, key=lambda name: change[name])
    text = f"Most of it is less {BECAUSE[most]}: {human_s(-change[most])} a job"
    worst = max(change, key=lambda name: change[name])
    if change[worst] > TELLS_S:
        text += f"; it pays with {human_s(change[worst])} more of {BECAUSE[worst]}"
    sizes = {
        name: float(best[name]) - float(first[name])
        for name in LABELS
        if name.startswith("wait_") and best.get(name) is not None and first.get(name) is not None
    }
    losers = [LABELS[n] for n, v in sizes.items() if v > TELLS_S]
    if losers:
        text += f". Who waits longer: gangs of {', '.join(losers)}"
    return f"{text}."
