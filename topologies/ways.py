"""How jobs cross any fabric: its links by number, and the links of flows as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topologies.cabled import cabled
from topologies.fabric import Fabric, Floats, Ints
from topologies.routes.adaptive import Busy
from topologies.routes.direct import AbstractDirect
from topologies.routes.policy import AbstractRouting, Adaptive, Ecmp, Spraying
from topologies.routes.torus import Torus
from topologies.routes.updown import Tiers
from topologies.routes.walk import Walk
from topologies.sound import UnsoundError
from topologies.tree import Tree, tree

ROUTINGS = ("spraying", "ecmp", "adaptive", "valiant")


@dataclass(frozen=True)
class Ways:
    """A fabric that a run routes jobs over, flow by flow.

    Link 2 e leads along edge e, link 2 e + 1 back; `capacity_Bps` (links,) is what each carries.
    """

    fabric: Fabric
    routing: AbstractRouting

    @cached_property
    def shared(self) -> NDArray[np.bool_]:
        """Return which links jobs share, (links,): not those of a node's own NICs."""
        return np.repeat(self.own < 0, 2)

    @cached_property
    def own(self) -> Ints:
        """Return of each edge the node whose NICs it is, (edges,); -1 where it is shared."""
        f, ends = self.fabric, self.fabric.kind == "node"
        return np.where(ends[f.a] & ~ends[f.b], f.a, -1)

    @cached_property
    def switches(self) -> list[Ints]:
        """Return the edges of each switch, (k,) each, NVLink's apart, in order of number."""
        f = self.fabric
        end = np.concatenate([f.a, f.b])
        edge = np.tile(np.arange(len(f.a)), 2)
        order = np.argsort(end, kind="stable")
        first = np.searchsorted(end[order], np.arange(len(f.kind) + 1))
        return [
            edge[order[first[v] : first[v + 1]]]
            for v in np.flatnonzero((f.kind != "node") & (f.kind != "nvlink")).tolist()
        ]

    @property
    def capacity_Bps(self) -> Floats:
        """Return the capacity of each link, (links,)."""
        return self.fabric.link_Bps

    def name(self, link: int) -> str:
        """Return the two vertices that a link leads between, `leaf0 → spine1`."""
        f, edge = self.fabric, link // 2
        ends = (int(f.a[edge]), int(f.b[edge]))
        one, two = (self.names[v] for v in (ends if link % 2 == 0 else ends[::-1]))
        return f"{one} → {two}"

    @property
    def ends(self) -> tuple[list[str], Ints, Ints]:
        """Return the kind of each vertex, (vertices,), and of each edge its two, (edges,)."""
        return self.fabric.kind.tolist(), self.fabric.a, self.fabric.b

    @property
    def dims(self) -> tuple[int, ...]:
        """Return the vertices along each dimension of a torus; () where it is none."""
        return tuple(getattr(self.fabric.router, "dims", ()))

    @cached_property
    def names(self) -> list[str]:
        """Return the name of each vertex, nodes by number."""
        return [f"node{x}" if isinstance(x, int) else str(x) for x in self.fabric.names()]

    def without(self, dead: Ints) -> Ways:
        """Return the same ways where those links, (k,), carry nothing."""
        Bps = self.fabric.link_Bps.copy()
        Bps[dead] = 0.0
        return replace(self, fabric=replace(
            self.fabric, capacity_Bps=Bps[0::2].copy(), back_Bps=Bps[1::2].copy()
        ))  # fmt: skip

    def plan(self) -> dict[str, Any] | None:
        """Return what `routes` reckons with, as numbers; None where all is not hashes and sums.

        Links that have failed are gone round flow by flow: there is no plan then.
        """
        pairs, way = self.routing.drawn, getattr(self.fabric.router, "walk", None)
        found: Walk | None = way() if way is not None and pairs > 0 and self.fabric.works else None
        if found is None:
            return None
        below = getattr(self.fabric.router, "below", self.fabric)
        on = below if isinstance(below, Fabric) else self.fabric
        return found.plan(on, pairs) | {"even": self.routing.even}

    @property
    def looks(self) -> bool:
        """Return whether switches look at what their ports send."""
        return self.routing.even

    def routes(
        self, src: Ints, dst: Ints, salt: int,
        flow_Bps: Floats | None = None, load_Bps: Floats | None = None,
    ) -> tuple[Ints, Ints, Floats]:  # fmt: skip
        """Return (flow, link, part), (entries,) each: the part of a flow that crosses a link.

        A flow is spread evenly over the lanes (rails, planes) of its node; links that are not
        `shared` are left out. Who `looks` hears what flows send, (flows,), and links already,
        (links,), B/s. ValueError where no path is left.
        """
        lanes = int(getattr(self.fabric.router, "lanes", 1))
        lane = np.tile(np.arange(lanes), len(src))
        busy = None
        if flow_Bps is not None and load_Bps is not None:
            busy = Busy(np.repeat(flow_Bps / lanes, lanes), load_Bps)
        found = self.routing.routes(
            self.fabric, np.repeat(src, lanes), np.repeat(dst, lanes), lane, salt, busy
        )
        flow = np.repeat(np.arange(len(lane)) // lanes, np.diff(found.start))
        those = self.shared[found.link]
        return flow[those], found.link[those], found.weight[those] / lanes


def in_tiers(fabric: Fabric) -> bool:
    """Return whether a fabric is tiers of switches and nothing else."""
    return type(fabric.router) is Tiers


def knob_faults(routing: str, queue_pairs: int) -> list[str]:
    """Return why a routing can be on no fabric at all."""
    found = []
    if routing not in ROUTINGS:
        found.append(f"routing is {routing!r}; must be one of {', '.join(ROUTINGS)}")
    if queue_pairs < 1:
        found.append(f"queue_pairs is {queue_pairs}; must be at least 1")
    return found


def faults_of(fabric: Fabric, routing: str, queue_pairs: int) -> list[str]:
    """Return why a routing cannot be on a fabric; nothing if it can."""
    found, router = (
        knob_faults(routing, queue_pairs),
        getattr(fabric.router, "below", fabric.router),
    )
    if routing == "adaptive" and not in_tiers(fabric):
        found.append(f"routing is adaptive, but {fabric.name} is not tiers alone; set routing=ecmp")
    if routing == "spraying" and not isinstance(router, Tiers):
        found.append(f"routing is spraying, but {fabric.name} has no tiers; set routing=ecmp")
    if routing == "valiant" and not isinstance(router, AbstractDirect | Torus):
        found.append(
            f"routing is valiant, but {fabric.name} is no torus, dragonfly+ or HyperX; "
            "set routing=ecmp"
        )
    return found


def ways(fabric: Fabric, routing: str, queue_pairs: int) -> Ways | None:
    """Return how jobs cross a fabric; None where its `tree` says it all: tiers under spraying.

    Hashes tell parallel cables apart (`cabled`). Raises ValueError for a routing that cannot be.
    """
    if found := faults_of(fabric, routing, queue_pairs):
        raise UnsoundError(found)
    if routing == "spraying":
        return None if in_tiers(fabric) else Ways(fabric, Spraying())
    pairs = queue_pairs * nics(fabric)
    if routing == "adaptive":
        return Ways(fabric, Adaptive(pairs))
    router = fabric.router
    if routing == "valiant" and isinstance(router, AbstractDirect | Torus):
        fabric = replace(fabric, router=router.detouring())
    many = bool((fabric.cables > 1).any()) and not hasattr(router, "below")
    return Ways(cabled(fabric) if many else fabric, Ecmp(pairs))


def nics(fabric: Fabric) -> int:
    """Return how many cables lead from a node's lane to switches, the least of all; at least 1."""
    node, nvlink = fabric.kind == "node", fabric.kind == "nvlink"
    own = node[fabric.a] & ~node[fabric.b] & ~nvlink[fabric.b]
    cables = np.bincount(fabric.a[own], fabric.cables[own], fabric.nodes)[: fabric.nodes]
    lanes = int(getattr(fabric.router, "lanes", 1))
    return max(1, int(cables.min(initial=1.0)) // lanes) if own.any() else 1


def laid(fabric: Fabric, made: Ways | None) -> Tree:
    """Return the tree of a fabric, links of `made` behind its domains, each on its own.

    Where it is not in tiers its domains are the switch that a node hangs on, if on one alone, and
    that switch's pod. What leads out of a node is the sum of its cables, NVLink apart; where nodes
    are wired to nodes, who forward for each other, one link of it: a flow takes one at a time.

    Neglects: rings along several dimensions of a torus at once.
    """
    if made is None:
        return tree(fabric)
    wired = fabric.kind[fabric.b] != "nvlink"
    n, a, b = fabric.nodes, fabric.a[wired], fabric.b[wired]
    there, back = fabric.capacity_Bps[wired], fabric.back_Bps[wired]
    out = np.zeros(len(fabric.kind))
    add = np.maximum if (b < n).any() else np.add
    add.at(out, a, there)
    add.at(out, b, back)
    out = out[:n]
    parent = tree(fabric).parent if in_tiers(fabric) else domains(fabric, a, b)
    more = np.full(len(made.capacity_Bps), -1)
    none = np.zeros(len(parent) - n)
    return Tree(np.concatenate([parent, more]), np.concatenate([out, none, made.capacity_Bps]))


def domains(fabric: Fabric, a: Ints, b: Ints) -> Ints:
    """Return the parent of nodes, then of the switches they hang on, then of these' pods.

    Of edges (a, b) a node may have one: to its leaf. Where any has more, nodes meet above at once.
    """
    n = fabric.nodes
    ends = np.concatenate([a[a < n], b[b < n]])
    other = np.concatenate([b[a < n], a[b < n]])
    if len(ends) != n or (np.bincount(ends, minlength=n) != 1).any() or (other < n).any():
        return np.full(n, -1)
    over = np.empty(n, np.int64)
    over[ends] = other
    switch, leaf = np.unique(over, return_inverse=True)
    pod = fabric.places.get("pod", np.full(len(fabric.kind), -1))[switch]
    if (pod < 0).any() or len(np.unique(pod)) in (1, len(switch)):
        return np.concatenate([n + leaf, np.full(len(switch), -1)])
    named, of = np.unique(pod, return_inverse=True)
    first = n + len(switch)
    return np.concatenate([n + leaf, first + of, np.full(len(named), -1)])
