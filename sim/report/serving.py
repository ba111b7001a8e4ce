"""How services answered, over time; and what designs cost against what they keep of the SLO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sim import table
from sim.report import figures, why
from sim.report.figures import BLUE, GREEN, GRID, INK, MINT, ORANGE, PALE, QUIET, SAND
from sim.report.labels import Named, put
from sim.report.spent import COSTS, spent_on
from sim.report.valleys import parts, stacked
from sim.units import human_s

if TYPE_CHECKING:
    from sim.report.compare import Design
    from sim.results import Result

LABELS = {
    "slo_attainment_frac": "within the SLO",
    **{name: why.LABELS[name] for name in ("node_usd", "node_gpu_hours")},
    "served_usd": "usd",
    "usd_per_mtok": "usd a million tokens",
    "gpu_hours": "GPU-hours",
    "gpu_hours_per_mtok": "GPU-hours a million tokens",
    "replica_hours": "replica-hours",
    "ttft_p99_s": "TTFT, 99 %",
    "tpot_p99_s": "TPOT, 99 %",
    "goodput": "good requests a second",
    "offline_token_rate": "offline tokens a second",
    "deadline_met_frac": "by the deadline",
    "cold_starts": "cold starts",
    "shed": "shed",
}
FIRST_TO_GO = ("replica_hours", "cold_starts", "goodput", "gpu_hours_per_mtok")
BINS = 240


def serves(designs: Sequence[Design]) -> bool:
    """Return whether some design has a service."""
    return any(design.values["gpu_hours"] for design in designs)


def labels(designs: Sequence[Design], jobs: Mapping[str, str]) -> dict[str, str]:
    """Return the labels to show: those of services, then those of jobs, as far as there are any."""
    if not serves(designs):
        return dict(jobs)

    def known(name: str) -> bool:
        return any(design.means[name] is not None for design in designs)

    judged = spent_on(designs)
    told = {name: name == judged for name in ("node_usd", "node_gpu_hours")}
    told["shed"] = any(design.means["shed"] for design in designs)
    own = {name: label for name, label in LABELS.items() if told.get(name, True) and known(name)}
    waits = known("wait_mean_s")
    return own | {name: label for name, label in jobs.items() if waits or name == "occupancy_frac"}


@figures.style()
def cost(designs: Sequence[Design], width: float = figures.BROAD) -> str:
    """Return what each design cost against the share it answered within the SLO, a dot a seed.

    The share missed is drawn on a logarithmic axis, least on top: each line is ten times better.
    """
    figure, (axis,) = figures.canvas(width, 4.4 + 1.7 / width * max(len(designs) - 8, 0))
    points, named, spends = [], list[Named](), spent_on(designs)
    for design in designs:
        met, hours = (design.values[name] for name in ("slo_attainment_frac", spends))
        seeds = sorted(set(met) & set(hours))
        if seeds:
            points.append((design.name, [hours[s] for s in seeds], [1 - met[s] for s in seeds]))
    if not points:
        return ""
    least = min((m for _, _, missed in points for m in missed if m > 0), default=1e-3)
    floor = max(10.0 ** np.floor(np.log10(least)) / 3.0, 1e-6)
    right = max(max(spent) for _, spent, _ in points)
    for i, (name, spent, missed) in enumerate(points):
        shade = figures.NAMED[i % len(figures.NAMED)]
        held = [max(m, floor) for m in missed]
        axis.plot(spent, held, "o", color=shade, alpha=0.6, ms=7, clip_on=False)
        named.append(Named(name, spent, held, shade))
    axis.set_yscale("log")
    axis.set_ylim(1.0, floor)
    marks = [m for m in (1.0, 0.1, 0.01, 0.001, 1e-4, 1e-5, 1e-6) if m >= floor]
    axis.set_yticks(marks, [f"{100 * (1 - m):.10g} %" for m in marks])
    axis.minorticks_off()
    axis.set_xlim(0, right * 1.06)
    axis.grid(axis="x", color=GRID, linewidth=0.8)
    kind = COSTS[spends]
    axis.set_xlabel(f"{kind.unit} {kind.at_length}")
    axis.set_title("Requests within the SLO", loc="left", color=QUIET, fontsize=10)
    put(axis, named)
    what = f"{kind.unit} against the share of requests within the SLO, by design"
    return figures.svg(figure, what)


def percentiles(arrival_s: np.ndarray, value_s: np.ndarray, edges_s: np.ndarray) -> np.ndarray:
    """Return median and 99th percentile of what came in each bin, (2, bins); nan where nothing."""
    at = np.searchsorted(arrival_s, edges_s)
    out = np.full((2, len(edges_s) - 1), np.nan)
    for k in range(len(edges_s) - 1):
        own = value_s[at[k] : at[k + 1]]
        own = own[~np.isnan(own)]
        if own.size:
            out[:, k] = np.quantile(own, [0.5, 0.99])
    return out


def binned(time_s: np.ndarray, values: np.ndarray, edges_s: np.ndarray) -> np.ndarray:
    """Return means of the rows that end in each bin, (bins,); a bin without one as that before."""
    at = np.searchsorted(time_s, edges_s + 1e-9, "right")
    total = np.concatenate([[0.0], np.cumsum(values)])
    many = np.diff(at)
    means = np.where(many > 0, np.diff(total[at]) / np.maximum(many, 1), np.nan)
    last = np.maximum.accumulate(np.where(many > 0, np.arange(len(many)), 0))
    return np.nan_to_num(means[last])


def stood(axis: Any, rows: Any, edges_s: np.ndarray, edges: np.ndarray, what: str) -> None:
    """Draw how many replicas there were at each stage."""
    time_s = table.to_numpy(rows, "time_s")
    lines = {n: binned(time_s, table.to_numpy(rows, n, 0.0), edges_s)
             for n in ("ready", "starting", "asked", "draining")}  # fmt: skip
    held = lines["ready"] + lines["draining"] + lines["starting"]
    figures.filled(axis, held, edges, ORANGE, SAND)
    figures.filled(axis, lines["ready"], edges, GREEN, MINT)
    axis.stairs(held + lines["asked"], edges, baseline=None, color=INK, linewidth=0.9)
    title = f"{what}: ready (green), starting or draining (orange), waiting for GPUs (line)"
    figures.titled(axis, title, GREEN)


def waited(axis: Any, two: np.ndarray, edges: np.ndarray, what: str, slo_s: float) -> None:
    """Draw median and 99th percentile of a time, beside its SLO."""
    from matplotlib.ticker import LogLocator

    for values, shade, name in ((two[1], ORANGE, "99 %"), (two[0], BLUE, "median")):
        axis.stairs(values, edges, baseline=None, color=shade, linewidth=1.2, label=name)
    axis.axhline(slo_s, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    figures.at_the_end(axis, slo_s, f"SLO\n{human_s(slo_s)}")
    axis.set_yscale("log", subs=())
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=6))
    figures.titled(axis, f"{what}, seconds: median (blue), 99 % (orange)", ORANGE)
    axis.yaxis.set_major_formatter("{x:,g}")


@figures.style()
def over_time(result: Result, about: Mapping[str, Any], width: float = figures.WIDE) -> str:
    """Return demand, replicas of each pool and latency of a service over time, in panels."""
    from matplotlib.ticker import MaxNLocator

    from sim.results.metrics.services import of

    assert result.services is not None
    assert result.answers is not None
    pools = [one["name"] for one in about.get("pools") or [about]]
    rows = [of(result.services, name) for name in pools]
    asked, outside = parts(result.answers, about)
    time_s = table.to_numpy(rows[0], "time_s")
    if not len(time_s):
        return ""
    span_s = float(time_s[-1])
    size, _ = figures.unit_of(span_s)
    edges_s = np.linspace(0.0, span_s, min(BINS, len(time_s)) + 1)
    edges = edges_s / size
    arrival_s = asked.column(about["name"], "arrival_s")
    rate = np.histogram(arrival_s, edges_s)[0] / np.diff(edges_s)
    apart = len(pools) > 1
    filled = outside is not None
    times = [("ttft_s", "Time to first token", about["slo_ttft_s"]),
             ("tpot_s", "Time a token after it", about["slo_tpot_s"])]  # fmt: skip
    many = 1 + len(pools) + filled + len(times)
    figure, axes = figures.canvas(width, 2.07 * many, many)
    figures.filled(axes[0], rate, edges, BLUE, PALE)
    figures.titled(axes[0], "Requests a second", BLUE)
    for axis, lines, name in zip(axes[1:], rows, pools, strict=False):
        what = f"Replicas, {name.rpartition('/')[2]}" if apart else "Replicas"
        stood(axis, lines, edges_s, edges, what)
    if outside is not None:
        stacked(axes[1 + len(pools)], (asked, outside), about["name"], edges_s, edges)
    for axis in axes[: 1 + len(pools) + filled]:
        axis.set_ylim(0, None)
        axis.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axis.yaxis.set_major_formatter("{x:,.0f}")
    for axis, (name, what, slo_s) in zip(axes[1 + len(pools) + filled :], times, strict=True):
        two = percentiles(arrival_s, asked.column(about["name"], name), edges_s)
        waited(axis, two, edges, what, float(slo_s))
    figures.clock(axes[-1], span_s, round(1.3 * width))
    return figures.svg(figure, f"Requests a second, replicas and times of tokens of "
                       f"{about['name']} over time")  # fmt: skip


def sentence(result: Result) -> str:
    """Return how the services answered in one sentence; "" where there is none."""
    found = result.metrics.get("serving")
    if not found:
        return ""
    if not found["requests"]:
        return "No request came."
    met = 100.0 * (found["slo_attainment"] or 0.0)
    cost = f", {found['cost_usd']:,.2f} usd," if "cost_usd" in found else ""
    return (f"{found['gpu_hours']:,.0f} GPU-hours of replicas{cost} answered {found['answered']:,} "
            f"of {found['requests']:,} requests, {met:.2f} % within the SLO.")  # fmt: skip


def cards(result: Result) -> list[tuple[str, str, str]]:
    """Return the key numbers of services: name, value, what it means."""
    found = result.metrics.get("serving")
    if not found or not found["requests"]:
        return []

    def time_of(value: float | None) -> str:
        return "–" if value is None else human_s(value)

    cost = f", {found['cost_usd']:,.2f} usd" if "cost_usd" in found else ""
    return [
        ("Within the SLO", f"{100.0 * (found['slo_attainment'] or 0.0):.2f} %",
         f"of {found['requests']:,} requests"),
        ("First token", time_of(found["ttft_p50_s"]), f"99 % {time_of(found['ttft_p99_s'])}"),
        ("Token after", time_of(found["tpot_p99_s"]), "99 % of requests"),
        ("Replicas", f"{found['replica_hours']:,.0f} h",
         f"{found['gpu_hours']:,.0f} GPU-hours{cost}"),
        ("Cold starts", f"{found['cold_starts']:,}", f"{found['shed']:,} requests shed"),
    ]  # fmt: skip


def output(found: Mapping[str, Any]) -> str:
    """Return in sentences what a service gave for its GPUs, how long a whole answer took."""

    def share(value: float | None) -> str:
        return "–" if value is None else f"{100.0 * value:.1f} %"

    text, (half, most) = "", (found["e2e_s"][at] for at in ("p50", "p99"))
    cost, each = (found.get(name) for name in ("cost_usd", "usd_per_million_tokens"))
    if half is not None:
        full = [
            f"{share(one['kv_share']['mean'])} of KV memory{f' of {name}' if name else ''} in use "
            f"on average, {share(one['kv_share']['max'])} at most"
            for name, one in found.get("pools", {"": found}).items()
        ]
        text = f"A whole answer took {human_s(half)} in the median, {human_s(most)} for one in " \
               f"a hundred; {found['output_tokens_per_s']:,.0f} output tokens a second, " \
               f"{found['tokens_per_gpu_s']:,.1f} a GPU held; {', '.join(full)}. "  # fmt: skip
    if cost is not None:
        for_each = "" if each is None else f", {each:,.2f} a million output tokens"
        text += f"The GPUs held cost {cost:,.2f} usd{for_each}."
    return text.strip()


def sections(result: Result, widths: Sequence[float]) -> list[dict[str, Any]]:
    """Return what the page shows of each service."""
    found = {} if result.services is None else result.metrics.get("services", {})
    return [
        {
            "name": about["name"],
            "slo": f"first token within {human_s(about['slo_ttft_s'])}, then a token each "
            f"{human_s(about['slo_tpot_s'])}",
            "figures": [over_time(result, about, width) for width in widths],
            "found": found[about["name"]],
            "output": output(found[about["name"]]),
        }
        for about in result.manifest.get("services") or []
        if found
    ]
