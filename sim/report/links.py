"""The fullest links of the fabric over time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from sim import table
from sim.report import figures
from sim.report.fabric import SHADES, figure_of
from sim.report.figures import INK, QUIET

if TYPE_CHECKING:
    from sim.results import Result

SHOWN = 16
"""Links drawn, a row each."""
SCALES = (0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Loads at which the colours of the drawing may end."""


def loads(result: Result) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return (names, edges in s, load) of the fullest links: (k,), (bins + 1,), (k, bins)."""
    if result.links is None or not result.links.num_rows:
        return [], np.zeros(1), np.zeros((0, 0))
    names = result.links.column("link").to_pylist()
    begin_s, end_s, load = (
        table.to_numpy(result.links, n) for n in ("begin_s", "end_s", "load_frac")
    )
    bins = len(np.unique(begin_s))
    rows = load.reshape(-1, bins)[:SHOWN]
    return names[::bins][:SHOWN], np.append(begin_s[:bins], end_s[bins - 1]), rows


def drawn(result: Result, width: float = figures.WIDE) -> str:
    """Return the fabric with the mean load of its links as colour; "" if none carried anything."""
    told = result.fabric
    if told is None or not told.num_rows or not np.any(table.to_numpy(told, "load_frac") > 0.0):
        return ""
    ends = [
        (table.codes(told, f"{end}_kind"), table.to_numpy(told, end).astype(np.int64))
        for end in ("one", "other")
    ]
    names = list(dict.fromkeys(name for (_, of), _ in ends for name in of))
    kind = [np.array([names.index(name) for name in of])[code] for (code, of), _ in ends]
    many = [
        1 + max(int(at[k == i].max(initial=-1)) for k, (_, at) in zip(kind, ends, strict=True))
        for i in range(len(names))
    ]
    first = np.cumsum([0, *many])
    a, b = (first[k] + at for k, (_, at) in zip(kind, ends, strict=True))
    dims = tuple(result.manifest.get("fabric_dims", ()))
    made = SimpleNamespace(kind=np.repeat(names, many), a=a, b=b, name="fabric",
                           router=SimpleNamespace(dims=dims))  # fmt: skip
    load = np.repeat(table.to_numpy(told, "load_frac"), 2)
    most = next(k for k in SCALES if k >= min(float(load.max()), 1.0))
    return figure_of(made, load, "what jobs sent, mean over the run", width, most)


@figures.style()
def over_time(result: Result, width: float = figures.WIDE) -> str:
    """Return the fullest links, a row each, how full they were as colour; "" if none carried."""
    names, edges, load = loads(result)
    if not names:
        return ""
    from matplotlib.colors import LinearSegmentedColormap

    size, _ = figures.unit_of(float(edges[-1]))
    figure, (axis,) = figures.canvas(width, 1.3 + 0.24 * len(names))
    shades = LinearSegmentedColormap.from_list("load", SHADES)
    mesh: Any = axis.pcolormesh(
        edges / size, np.arange(len(names) + 1) - 0.5, load, cmap=shades, vmin=0.0, vmax=1.0
    )
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(axis="y", labelcolor=INK)
    axis.invert_yaxis()
    axis.grid(visible=False)
    figures.clock(axis, float(edges[-1]), round(1.3 * width))
    bar = figure.colorbar(
        mesh, ax=axis, location="top", shrink=0.35, aspect=30, pad=0.02, anchor=(0.0, 0.0)
    )
    bar.set_ticks([0.0, 0.5, 1.0], labels=["idle", "half", "full"])
    bar.ax.tick_params(length=0, labelcolor=QUIET)
    bar.outline.set_visible(False)
    most = 100.0 * float(load.mean(axis=1).max())
    return figures.svg(figure, f"The fullest links over time; {names[0]} was {most:.0f} % full")
