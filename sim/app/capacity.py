"""What `rackplan services screen` and `search` print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sim.app.hardware import label
from sim.app.terminal import grid
from sim.state.services import Serving
from sim.study.capacity import Found, busiest
from sim.study.capacity_apart import FoundApart
from sim.workload.requests import Requests

Lines = tuple[list[str], list[float], list[float]]
"""Of each choice its name, its GPUs, exact and by the closed form; nan: none."""
SCREENED = (
    "by the mean, default service: 0 to 56 % fewer than search finds; at other rates, gaps and "
    "SLOs 0 to 75 % fewer, most where a step is near the SLO",
    "by square root, default service: 32 % fewer to 150 % more; at others 57 % fewer to 300 % more",
)
"""How far the closed forms are from the exact kernel: docs/capacity.md."""
APART = (
    "by closed form: with the default SLO and tokens, 5 to 150 requests a second, gaps of cv 1 to "
    "4, 17 % fewer to 50 % more than search finds; at other SLOs and tokens not measured",
    "docs/capacity.md is of one pool alone; search tells how far it is from each choice of two",
)
"""The same of two pools: tests/serving/test_capacity_apart.py."""


def number(value: float | None, form: str = ",.0f") -> str:
    """Return a number in words, a dash for none."""
    return "–" if value is None or not np.isfinite(value) else format(value, form)


def printed(title: str, columns: list[tuple[str, list[str]]], first_to_go: Sequence[str]) -> None:
    """Print a row a choice."""
    rows = [list(row) for row in zip(*(cells for _, cells in columns), strict=True)]
    grid(title, [name for name, _ in columns], rows, first_to_go)


def costs(usd_h: Sequence[float | None], tokens_h: float | None) -> list[tuple[str, list[str]]]:
    """Return the columns of what an hour costs, and a million of the output tokens asked in it."""
    each = [1e6 * usd / tokens_h if tokens_h and usd is not None else None for usd in usd_h]
    told = ("usd an hour", usd_h), ("usd a million tokens", each)
    return [(name, [number(usd, ",.2f") for usd in of]) for name, of in told]


def tokens_per_h(asks: Requests, window_s: float) -> float | None:
    """Return the output tokens an hour that are asked in the busiest `window_s`.

    Where all requests together span less than that, in their span; None where that is an instant.
    """
    over_s = min(window_s, float(asks.arrival_s[-1] - asks.arrival_s[0]))
    return 3600.0 * float(busiest(asks, window_s)[2].sum()) / over_s if over_s > 0.0 else None


def shown(
    title: str, found: Sequence[Found], exact: bool, price: Any, of: Serving,
    tokens_h: float | None,
) -> Lines:  # fmt: skip
    """Print a row a choice, and how far the closed forms are from it; return what is drawn."""
    columns = [
        ("choice", [label(one.key) for one in found]),
        ("requests/s each", [number(one.most_per_s, ",.2f") for one in found]),
        ("TPOT, ms", [number(1e3 * one.tpot_s, ",.1f") for one in found]),
        ("replicas by mean", [number(one.mean) for one in found]),
        ("by square root", [number(one.staffed) for one in found]),
    ]
    if exact:
        columns.append(("exact", [number(one.replicas) for one in found]))
        columns.append(("within the SLO", [number(100 * one.attained, ".2f") for one in found]))
        columns.append(("GPUs", [number(one.gpus) for one in found]))
    else:
        columns.append(("GPUs by mean", [number(one.mean * one.each) for one in found]))
    if exact and price:
        usd = [of.gpu_h_usd if one.key is None else price.get(one.key[0]) for one in found]
        cost = [None if one.gpus is None or h_usd is None else one.gpus * h_usd
                for one, h_usd in zip(found, usd, strict=True)]  # fmt: skip
        columns += costs(cost, tokens_h)
    printed(title, columns, ("TPOT, ms", "by square root"))
    for text in errors(found):
        print(text)
    if not exact:
        for text in SCREENED:
            print(text)
    mean = [one.mean * one.each if np.isfinite(one.mean) else np.nan for one in found]
    gpus = [np.nan if one.gpus is None else one.gpus for one in found]
    return columns[0][1], gpus, mean


def shown_apart(
    title: str, found: Sequence[FoundApart], exact: bool, price: Any,
    pools: tuple[Serving, Serving], tokens_h: float | None,
) -> Lines:  # fmt: skip
    """As `shown`, of two pools."""
    names = [label(one.key) for one in found]
    columns = [
        ("choice", names),
        ("prompts: closed form", [number(one.screened[0]) for one in found]),
    ]
    columns.append(("decoding: closed form", [number(one.screened[1]) for one in found]))
    if exact:
        for i, name in enumerate(("prompts", "decoding")):
            some = [None if one.replicas is None else one.replicas[i] for one in found]
            columns.append((name, [number(value) for value in some]))
        columns.append(("within the SLO", [number(100 * one.attained, ".2f") for one in found]))
    guess = [one.total(one.screened) for one in found]
    guess = [value if np.isfinite(value) else np.nan for value in guess]
    gpus = [np.nan if one.gpus is None else float(one.gpus) for one in found]
    columns.append(("GPUs", [number(value) for value in (gpus if exact else guess)]))
    if exact and price:
        columns += costs([paid(one, price, pools) for one in found], tokens_h)
    printed(title, columns, ("prompts: closed form", "decoding: closed form"))
    off = [100.0 * (a / b - 1.0) for a, b in zip(guess, gpus, strict=True) if np.isfinite(a / b)]
    if off:
        print(f"GPUs by closed form: {min(off):+.0f} to {max(off):+.0f} % of the exact kernel's")
    if not exact:
        for text in APART:
            print(text)
    return names, gpus, guess


def paid(one: FoundApart, price: Any, pools: tuple[Serving, Serving]) -> float | None:
    """Return what an hour of a choice costs; None where a type has no price."""
    each: list[float | None] = [
        of.gpu_h_usd if one.key is None else price.get(one.key[0]) for of in pools
    ]
    if one.replicas is None or None in each:
        return None
    return sum(n * g * (usd or 0.0) for n, g, usd in zip(one.replicas, one.each, each, strict=True))


def errors(found: Sequence[Found]) -> Iterator[str]:
    """Give in words how far each closed form is from the exact kernel."""
    known = [one for one in found if one.replicas is not None]
    for name, field in (("the mean", "mean"), ("the square root", "staffed")):
        off = [100.0 * (getattr(one, field) / (one.replicas or 1) - 1.0) for one in known]
        if off:
            yield f"replicas by {name}: {min(off):+.0f} to {max(off):+.0f} % of the exact kernel's"
