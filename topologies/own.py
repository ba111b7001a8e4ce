"""A user's own fabric, from a file, as a design."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import networkx as nx

from topologies import read
from topologies.design import Design
from topologies.fabric import Fabric, compiled
from topologies.sized import holding

READERS: dict[str, Callable[[Path], nx.Graph]] = {
    "graphml": read.graphml,
    "node_link": read.node_link,
    "slurm": read.slurm,
    "edge_list": read.edge_list,
}
SUFFIXES = {".graphml": "graphml", ".xml": "graphml", ".json": "node_link", ".conf": "slurm"}


@final
@dataclass(frozen=True)
class FromFile(Design):
    """The fabric of a file; its nodes are as many as it says, flows take shortest paths.

    format : one of `READERS`; None is told from the file's suffix, else an edge list.
    """

    path: str | None = None
    format: str | None = None
    routing: str = field(default="ecmp", kw_only=True)

    def whole(self) -> Fabric:
        """Return the fabric as it is; ValueError holds all faults of the file."""
        if not self.path:
            raise ValueError("path is null; must be a file, GraphML, JSON, topology.conf or edges")
        file = Path(self.path)
        name = self.format or SUFFIXES.get(file.suffix.lower(), "edge_list")
        if name not in READERS:
            raise ValueError(f"format is {name!r}; must be one of {', '.join(READERS)}")
        try:
            return compiled(READERS[name](file))
        except OSError as error:
            text = f"path is {self.path!r}: {error.strerror}; must be a file that can be read"
            raise ValueError(text) from None

    def told(self, error: ValueError) -> list[str]:
        """Return each fault, those of the file behind its name."""
        if not isinstance(error, read.FabricFileError):
            return super().told(error)
        return [f"fabric.path: {Path(str(self.path)).name}: {fault}" for fault in error.faults]

    def size(self) -> int:
        """Return how many nodes the file has."""
        return self.whole().nodes

    def arrays(self, nodes: int, gpus_per_node: int) -> Fabric:
        """Return the fabric; ValueError if it has not so many nodes, or for faults of the file."""
        made = self.whole()
        if made.nodes != nodes:
            raise ValueError(
                f"{self.path} has {made.nodes} nodes, but {nodes} are asked for; must be as many: "
                f"set nodes to {made.nodes}"
            )
        return holding(made, gpus_per_node) if "gpus" not in made.places else made
