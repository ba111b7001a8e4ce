"""What the readers share: bounded text, vertices numbered as in the cluster, all faults at once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path

import networkx as nx

from topologies.check import faults

MOST_BYTES = 512 * 2**20
MOST_VERTICES = 2_000_000


class FabricFileError(ValueError):
    """A file that is no fabric, with every fault."""

    def __init__(self, path: Path, found: Sequence[str]) -> None:
        some = [*found[:50], f"… and {len(found) - 50} more"] if len(found) > 50 else found
        super().__init__(f"{path.name}: " + "\n  ".join(some))
        self.faults = list(found)


def text_of(path: Path, most_bytes: int = MOST_BYTES) -> str:
    """Return a file's text; FabricFileError if it is longer than `most_bytes` or no UTF-8."""
    with path.open("rb") as file:
        raw = file.read(most_bytes + 1)
    if len(raw) > most_bytes:
        raise FabricFileError(path, [f"has more than {most_bytes} bytes; must be shorter"])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FabricFileError(path, [f"is no UTF-8 text at byte {error.start}"]) from None


def finished(path: Path, graph: nx.Graph, found: Sequence[str] = ()) -> nx.Graph:
    """Return the graph with its nodes numbered 0 … n-1, or raise with all faults.

    Nodes named 0 … n-1, as numbers or texts, keep their numbers; others are numbered in the file's
    order and keep their name as attribute `label`.
    """
    if len(graph) > MOST_VERTICES:
        raise FabricFileError(path, [f"has more than {MOST_VERTICES} vertices"])
    ends = [v for v, kind in graph.nodes(data="kind") if kind == "node"]
    kept = {str(v): v for v in ends}
    if set(kept) == {str(i) for i in range(len(ends))}:
        names: dict[Hashable, Hashable] = {v: int(text) for text, v in kept.items()}
    else:
        names = {v: i for i, v in enumerate(ends)}
        for v in ends:
            graph.nodes[v]["label"] = str(v)
        names |= {v: f"_{v}" for v in graph if isinstance(v, int) and v not in names}
    numbered = nx.relabel_nodes(graph, names)
    numbered.graph.setdefault("name", path.stem)
    wrong = [*found, *faults(numbered)]
    if wrong:
        raise FabricFileError(path, wrong)
    return numbered
