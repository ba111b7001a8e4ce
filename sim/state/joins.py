"""What the nodes of a cluster are joined by, as a run asks for it; and that nothing joins them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, final, runtime_checkable

from sim.state.arrays import B1, F8, I8


@runtime_checkable
class AbstractFabric(Protocol):
    """Joins the nodes of a cluster. Nodes meet in leaves, leaves in pods; none need be there."""

    def laid(
        self, nodes: int, gpus_per_node: int
    ) -> tuple[tuple[I8, F8], AbstractWays | None] | None:
        """Return its tree of domains, and how jobs cross it, link by link.

        The tree: (parent, capacity_Bps), (vertices,) each: nodes first, then what they meet in. A
        parent has a greater number, -1 is none: all such meet above. The capacity is of what leads
        out of it, each way. Ways are None where the tree says it all; else their links are its last
        vertices, each alone.
        None: jobs do not feel the network.
        """

    def issues(self, nodes: int, gpus_per_node: int) -> list[str]:
        """Return why it cannot join so many nodes, each as `path: what is; what must be`."""

    def cables(self, nodes: int, gpus_per_node: int) -> AbstractCables | None:
        """Return what its tree's links are made of; None where it is no tree, or knows none."""

    def together(self, gpus_per_node: int) -> int:
        """Return how many GPUs NVLink joins: those of a node, or of a domain of several."""


class AbstractCables(Protocol):
    """What a tree's links are made of: which of them a switch carries a part of."""

    @property
    def switches(self) -> int:
        """Return how many switches there are."""

    def left(self, number: int, down: B1) -> tuple[I8, F8]:
        """Return (vertices, parts), (k,) both, of the links that a switch takes part in.

        What each has left of its capacity where the switches `down`, (switches,), do not work.
        """


class AbstractWays(Protocol):
    """Directed links, link 2 e + 1 the way back of link 2 e, and which of them flows take."""

    @property
    def capacity_Bps(self) -> F8:
        """Return the capacity of each, (links,)."""

    @property
    def shared(self) -> B1:
        """Return which of them jobs can share, (links,)."""

    @property
    def own(self) -> I8:
        """Return of each edge, (links / 2,), the node whose NICs it is; -1 where it is shared."""

    @property
    def switches(self) -> Sequence[I8]:
        """Return the edges of each switch, (k,) each."""

    def name(self, link: int) -> str:
        """Return what a link leads between."""

    @property
    def ends(self) -> tuple[Sequence[str], I8, I8]:
        """Return the kind of each vertex, (vertices,), and of each edge its two, (links / 2,)."""

    @property
    def dims(self) -> Sequence[int]:
        """Return the vertices along each dimension of a grid; () where it is none."""

    @property
    def looks(self) -> bool:
        """Return whether the choice of paths depends on what links carry already."""

    def routes(
        self, src: I8, dst: I8, salt: int, flow_Bps: F8 | None = None, load_Bps: F8 | None = None
    ) -> tuple[I8, I8, F8]:
        """Return (flow, link, part), (entries,) each, of flows between nodes.

        Only who `looks` needs what each flow sends, (flows,), and each link already, (links,), in
        whole B/s. ValueError where no path is left.
        """

    def plan(self) -> Mapping[str, Any] | None:
        """Return the numbers by which `kernel.paths` finds what `routes` does; see `state.paths`.

        None where it cannot: then `routes` is asked for each job.
        """

    def without(self, dead: I8) -> AbstractWays:
        """Return the same where those links, (k,), carry nothing."""


@final
@dataclass(frozen=True)
class NoFabric:
    """No fabric: every job communicates as fast as its trace did. Neglects: all of the network."""

    def laid(self, nodes: int, gpus_per_node: int) -> None:
        """Return that there is none."""
        del nodes, gpus_per_node

    def issues(self, nodes: int, gpus_per_node: int) -> list[str]:
        """Return nothing: it fits every cluster."""
        del nodes, gpus_per_node
        return []

    def cables(self, nodes: int, gpus_per_node: int) -> None:
        """Return that there are none."""
        del nodes, gpus_per_node

    def together(self, gpus_per_node: int) -> int:
        """Return the GPUs of a node."""
        return gpus_per_node
