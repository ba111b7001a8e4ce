"""What all designs of fabrics share: how they are routed, described and laid with traffic."""

from __future__ import annotations

import abc
from dataclasses import dataclass, fields, replace

from topologies.bill import Prices
from topologies.cables import Cables
from topologies.describe import Description, describe
from topologies.fabric import Fabric
from topologies.load import Load, load
from topologies.routes.policy import AbstractRouting, Spraying
from topologies.sound import UnsoundError
from topologies.tree import Tree
from topologies.ways import Ways, faults_of, in_tiers, knob_faults, laid, ways

ALIASES = {
    "leaf_oversubscription": "oversubscription",
    "domain_gpus": "nvlink_gpus",
    "gpu_Bps": "nvlink_Bps",
}
"""What a family calls a knob that a design calls otherwise."""


@dataclass(frozen=True, kw_only=True)
class Design(abc.ABC):
    """A family of fabrics with all its parameters but the nodes.

    routing : who chooses paths in a run: spraying, ecmp, adaptive, valiant; see `topologies.ways`.
    queue_pairs : hashed paths that share a NIC's flow, under all but spraying.
    """

    routing: str = "spraying"
    queue_pairs: int = 1

    @abc.abstractmethod
    def arrays(self, nodes: int, gpus_per_node: int) -> Fabric:
        """Return the fabric of so many nodes; ValueError says why there can be none."""

    def described(
        self,
        nodes: int,
        gpus_per_node: int,
        switch_usd: float | None = None,
        switch_W: float | None = None,
        copper_usd: float | None = None,
        fibre_usd: float | None = None,
        optic_usd: float | None = None,
        optic_W: float | None = None,
        circuit_port_usd: float | None = None,
        circuit_port_W: float | None = None,
    ) -> Description:
        """Return its counts, bisection and bill; a sum without its prices (`Prices`) is None.

        ValueError says why there can be none, or none routed so.
        """
        fabric = self.arrays(nodes, gpus_per_node)
        if found := faults_of(fabric, self.routing, self.queue_pairs):
            raise UnsoundError(found)
        prices = Prices(
            switch_usd, switch_W, copper_usd, fibre_usd, optic_usd,
            circuit_port_usd=circuit_port_usd, circuit_port_W=circuit_port_W,
        )  # fmt: skip
        if optic_W is not None:  # of whatever kind
            prices = replace(prices, optic_W=dict.fromkeys(fabric.optic.tolist(), optic_W))
        return describe(fabric, prices)

    def loaded(
        self,
        nodes: int,
        gpus_per_node: int,
        pattern: str,
        routing: AbstractRouting | None,
        seed: int,
    ) -> Load:
        """Return the flows of a pattern of traffic on its links; ValueError as `load.load`.

        Without a routing, by its own.
        """
        fabric = self.arrays(nodes, gpus_per_node)
        if routing is None:
            made = ways(fabric, self.routing, self.queue_pairs)
            made = Ways(fabric, Spraying()) if made is None else made
            fabric, routing = made.fabric, made.routing
        return load(fabric, pattern, routing, seed)

    def laid(self, nodes: int, gpus_per_node: int) -> tuple[Tree, Ways | None]:
        """Return its tree of domains, and how jobs cross it where that is not all.

        ValueError says why there can be none.
        """
        fabric = self.arrays(nodes, gpus_per_node)
        made = ways(fabric, self.routing, self.queue_pairs)
        return laid(fabric, made), made

    def cables(self, nodes: int, gpus_per_node: int) -> Cables | None:
        """Return the cables of its tree; None where jobs cross it link by link."""
        fabric = self.arrays(nodes, gpus_per_node)
        return Cables(fabric) if in_tiers(fabric) and self.routing == "spraying" else None

    def issues(self, nodes: int, gpus_per_node: int) -> list[str]:
        """Return why such a fabric cannot join so many nodes, by knob; nothing if it can."""
        try:
            fabric = self.arrays(nodes, gpus_per_node)
        except ValueError as error:
            return [*self.told(error), *self.by_knob(knob_faults(self.routing, self.queue_pairs))]
        try:
            laid(fabric, ways(fabric, self.routing, self.queue_pairs))
        except ValueError as error:
            return self.told(error)
        return []

    def told(self, error: ValueError) -> list[str]:
        """Return each fault of an error that this design raised, by the knob where it names one."""
        return self.by_knob(getattr(error, "faults", [str(error)]))

    def by_knob(self, faults: list[str]) -> list[str]:
        """Return each fault as `path: what is; what must be`."""
        known, found = {each.name for each in fields(self)}, []
        for fault in faults:
            name, _, rest = fault.partition(" ")
            knob = name if name in known else ALIASES.get(name, "")
            named = knob in known and rest.startswith(("is ", "has "))
            found.append(f"fabric.{knob}: {rest}" if named else f"fabric: {fault}")
        return found

    def together(self, gpus_per_node: int) -> int:
        """Return how many GPUs NVLink joins: those of a node, or of a domain of several."""
        return gpus_per_node
