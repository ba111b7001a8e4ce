"""A fabric drawn: a row a tier, a line a link, the load of links as colour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.files import write
from sim.report.figures import GRID, INK, QUIET, WIDE, canvas, style, svg

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
ACROSS, EDGE = 48, 8
"""Dots of a row, and of an edge of a torus, at most; beyond, a dot stands for several."""
NAMES = {
    "node": "nodes",
    "leaf": "leaves",
    "spine": "spines",
    "core": "cores",
    "router": "routers",
    "nvlink": "NVLink domains",
    "block": "blocks",
    "pod": "pods",
    "top": "core",
}
ONE = {"nvlink": "NVLink domain", "top": "core"}
SHADES = (GRID, "#4c93d9", "#0b2f6b", "#b4500b")
"""From an idle link to a full one."""
LOW = ("node", "leaf", "router", "block")
"""What stands below, the first of these that is drawn."""
BEND = np.linspace(0.0, 1.0, 13)
"""Where a line between two dots of one row is drawn, from one to the other."""


def heights(fabric: Any) -> I8:
    """Return of each vertex how many links it is from a node, (vertices,); NVLink's stand below.

    Where no nodes are drawn, from what nodes hang on, or else the first kind there is.
    """
    apart, kinds = fabric.kind == "nvlink", set(fabric.kind.tolist())
    lowest = next((kind for kind in LOW if kind in kinds), fabric.kind[0])
    height = np.where(fabric.kind == lowest, 0, len(fabric.kind))
    wired = ~(apart[fabric.a] | apart[fabric.b])
    a, b = fabric.a[wired], fabric.b[wired]
    while True:
        nearer = height.copy()
        np.minimum.at(nearer, a, height[b] + 1)
        np.minimum.at(nearer, b, height[a] + 1)
        if np.array_equal(nearer, height):
            return np.where(apart, -1, height)
        height = nearer


def dots(kind: NDArray[np.str_]) -> tuple[I8, list[tuple[str, int, int]]]:
    """Return the dot of each vertex, and of each row its kind, vertices and dots.

    Vertices of one kind stand side by side in order of number, several a dot if they are many.
    """
    dot, rows, begins = np.zeros(len(kind), np.int64), [], 0
    for name in dict.fromkeys(kind.tolist()):
        mine = np.flatnonzero(kind == name)
        shown = min(len(mine), ACROSS)
        dot[mine] = begins + np.arange(len(mine)) * shown // len(mine)
        rows.append((str(name), len(mine), shown))
        begins += shown
    return dot, rows


def tiers(rows: list[tuple[str, int, int]], level: list[int]) -> tuple[F8, F8]:
    """Return where each dot stands, x from 0 to 1, a row above those of a lower level."""
    x = [(np.arange(shown) + 0.5) / shown for _, _, shown in rows]
    order = sorted(range(len(rows)), key=level.__getitem__)
    y = [np.full(shown, float(order.index(i))) for i, (_, _, shown) in enumerate(rows)]
    return np.concatenate(x), np.concatenate(y)


def bent(at: F8, a: I8, b: I8) -> list[F8]:
    """Return the points of each line, (points, 2); between dots of one row it is an arc above."""
    flat = at[a, 1] == at[b, 1]
    rise = 0.12 + 0.7 * np.abs(at[b, 0] - at[a, 0])
    arc = at[a][:, None] + (at[b] - at[a])[:, None] * BEND[:, None]
    arc[:, :, 1] += rise[:, None] * 4.0 * BEND * (1.0 - BEND)
    ends = np.stack([at[a], at[b]], axis=1)
    return [arc[i] if flat[i] else ends[i] for i in range(len(a))]


def lattice(dims: tuple[int, ...]) -> tuple[I8, F8, F8]:
    """Return (dot of each vertex, x, y of each dot) of a grid of two or three dimensions.

    At most `EDGE` dots along a dimension; the third goes into the depth of the page.
    """
    at = np.array(np.unravel_index(np.arange(int(np.prod(dims))), dims))
    step = np.array([-(-k // EDGE) for k in dims])[:, None]
    small = tuple(-(-k // -(-k // EDGE)) for k in dims)
    dot = np.ravel_multi_index(tuple(at // step), small)
    where = np.array(np.unravel_index(np.arange(int(np.prod(small))), small)).astype(np.float64)
    deep = where[0] if len(dims) == 3 else np.zeros(where.shape[1])
    return dot, where[-1] + 0.37 * deep, -where[-2] + 0.23 * deep


def lines(fabric: Any, load: F8, dot: I8) -> tuple[I8, I8, F8]:
    """Return (a, b, load) of each line: of the fuller way, the mean over links between two dots."""
    one, two = dot[fabric.a], dot[fabric.b]
    low, high = np.minimum(one, two), np.maximum(one, two)
    many = int(dot.max(initial=0)) + 1
    pair, which, count = np.unique(low * many + high, return_inverse=True, return_counts=True)
    fuller = np.bincount(which, load.reshape(-1, 2).max(axis=1), len(pair)) / count
    apart = pair // many != pair % many
    return pair[apart] // many, pair[apart] % many, fuller[apart]


def wired(axis: Any, ends: list[F8], load: F8, most: float) -> Any:
    """Draw lines, (points, 2) each, coloured by load up to `most`, and return their scale."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    shades = LinearSegmentedColormap.from_list("load", SHADES)
    scale = ScalarMappable(Normalize(0.0, most), shades)
    width = 0.5 + 1.2 * np.minimum(load / most, 1.0)
    axis.add_collection(
        LineCollection(ends, colors=scale.to_rgba(load), linewidths=width, zorder=1)
    )
    return scale


def spelled(axis: Any, rows: list[tuple[str, int, int]], dims: Any, x: F8, y: F8) -> None:
    """Write beside each row what stands in it; of a torus, under the title."""
    begins = 0
    for name, count, shown in rows:
        many = len(x) if dims else shown
        said = f"{count:,} {NAMES.get(name, name) if count > 1 else ONE.get(name, name)}"
        said += f", {-(-count // many)} a dot" if many < count else ""
        if dims:
            said += "; links round the back left out"
            spot: dict[str, Any] = {"xy": (0.0, 1.0), "xycoords": "axes fraction", "va": "bottom"}
        else:
            spot = {"xy": (1.02, float(y[begins])), "va": "center"}
        text = axis.annotate(said, color=QUIET, annotation_clip=False, **spot)
        text.set_in_layout(not dims)  # else a long one would squeeze the drawing
        begins += shown


@style()
def figure_of(fabric: Any, load: F8, text: str, width: float = WIDE, most: float = 1.0) -> str:
    """Return a fabric as SVG; `load` (2 edges,) is the part of each directed link that is used.

    The colours end at the load `most`.
    """
    level = heights(fabric)
    dot, told = dots(np.char.add(np.char.add(fabric.kind, " "), level.astype(np.str_)))
    rows = [(name.rpartition(" ")[0], count, shown) for name, count, shown in told]
    dims = getattr(fabric.router, "dims", ()) if len(rows) == 1 else ()
    if dims:
        dot, x, y = lattice(tuple(dims))
    else:
        x, y = tiers(rows, [int(name.rpartition(" ")[2]) for name, _, _ in told])
    a, b, worst = lines(fabric, load, dot)
    if dims:  # what goes round the back would hide the rest
        near = np.hypot(x[a] - x[b], y[a] - y[b]) < 1.01
        a, b, worst = a[near], b[near], worst[near]
    order = np.argsort(worst, kind="stable")  # the fullest on top
    a, b, worst = a[order], b[order], worst[order]
    figure, (axis,) = canvas(width, 5.6 if dims else 1.6 + 1.1 * len(rows))
    at = np.stack([x, y], axis=1)
    scale = wired(axis, list(np.stack([at[a], at[b]], axis=1)) if dims else bent(at, a, b),
                  worst, most)  # fmt: skip
    axis.plot(x, y, "o", color=INK, markersize=3.2, zorder=2)
    axis.grid(False)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines["bottom"].set_visible(False)
    axis.margins(0.04, 0.12)
    spelled(axis, rows, dims, x, y)
    axis.set_title(
        f"{fabric.name}: {text}", loc="left", color=INK, fontsize=9.5, pad=18 if dims else 6
    )
    scale = figure.colorbar(scale, ax=axis, location="bottom", shrink=0.4, aspect=40, pad=0.02)
    marks = ["half", "full"] if most == 1.0 else [f"{100 * most * k:.3g} %" for k in (0.5, 1.0)]
    scale.set_ticks([0.0, most / 2, most], labels=["idle", *marks])
    scale.outline.set_visible(False)
    said = ", ".join(f"{n:,} {NAMES.get(k, k)}" for k, n, _ in rows)
    made = svg(figure, f"A fabric of {said}; links coloured by load. {text}")
    return made.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def write_fabric(fabric: Any, load: F8, text: str, out: Path) -> None:
    """Draw a fabric into the file `out`; `fabric` has the columns kind, a, b and a name."""
    write(out, figure_of(fabric, load, text))
