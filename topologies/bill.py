"""What a fabric is made of: switches, cables, transceivers; their watts and dollars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import networkx as nx
import numpy as np

from topologies.fabric import Fabric, compiled


@dataclass(frozen=True)
class Prices:
    """Dollars and watts of one item, SI; what has no verified source has no default (None).

    Source: switch_usd, $36,000 for 64 ports of 400 Gbit/s, third party, the public worksheet of
    August 2024 (docs.google.com 1Ft3RbeZ…; NVIDIA's own is put at about $50,000); optic_W, 400G
    OSFP 9 W most, 800G twin port 17 W, docs.nvidia.com/networking; copper 0 W.
    Neglects: discounts, spares, installation, NICs (they are in a node's price and power).

    Not defaults, since unverified in our sources: a QM9700's watts (recalled as 747 typical, 1,720
    most; a 64-port 800G SN5600's 940 typical is its maker's), and cables and optics ($50 copper,
    $500 an optical link are teaching values). Give them to have the sums.
    """

    switch_usd: float | None = None
    switch_W: float | None = None
    copper_usd: float | None = None
    fibre_usd: float | None = None
    optic_usd: float | None = None
    optic_W: Mapping[str, float] = field(default_factory=lambda: {"400G": 9.0, "800G": 17.0})
    circuit_port_usd: float | None = None  # of an optical circuit switch
    circuit_port_W: float | None = None


SHEET_400G = Prices(switch_usd=36_000.0)
"""Prices of a 400 Gbit/s fabric of 64-port switches, as far as a public source says."""


@dataclass(frozen=True)
class Bill:
    """Counts, watts and dollars; a sum is None where a price or power that it needs is missing."""

    gpus: int
    switches: Mapping[str, int]  # by kind
    ports: int  # switch ports in use
    circuit_ports: int  # ports of optical circuit switches in use
    cables: Mapping[str, int]  # by cable kind
    optics: Mapping[str, int]  # transceivers by kind, two a cable
    watts_W: float | None
    price_usd: float | None
    missing: tuple[str, ...]  # what the sums would need

    @property
    def usd_per_gpu(self) -> float | None:
        """Return the fabric's dollars per GPU."""
        return None if self.price_usd is None else self.price_usd / max(1, self.gpus)


def bill(fabric: nx.Graph | Fabric, prices: Prices | None = None) -> Bill:
    """Return the bill of materials of a graph, or of a fabric in arrays.

    NVLink domains are counted neither as switches nor as cables: they come with their racks. A
    link over an optical circuit is two fibres, to two ports of a circuit switch, and a transceiver
    at either end; circuit switches are counted by their ports, for a graph knows no boxes of them.
    """
    f = fabric if isinstance(fabric, Fabric) else compiled(fabric)
    prices = prices or Prices()
    bought = (f.kind != "node") & (f.kind != "nvlink")
    wired = f.kind[f.b] != "nvlink"
    ports = int(f.cables[bought[f.a] & wired].sum() + f.cables[bought[f.b] & wired].sum())
    names = [str(k) for k in dict.fromkeys(f.kind[bought].tolist())]
    switches = {k: int(np.count_nonzero(f.kind == k)) for k in names}
    cables = {
        str(k): int(f.cables[(f.cable == k) & wired].sum()) for k in np.unique(f.cable[wired])
    }
    circuits = 2 * cables.pop("circuit", 0)
    if circuits:
        cables["fibre"] = cables.get("fibre", 0) + circuits
    kinds = [k for k in np.unique(f.optic[wired]) if k]
    optics = {str(k): 2 * int(f.cables[(f.optic == k) & wired].sum()) for k in kinds}
    gpus = f.places.get("gpus", np.ones(f.nodes, np.int64))[: f.nodes]
    boxes, lenses = sum(switches.values()), sum(optics.values())
    power = [("switch_W", boxes, prices.switch_W)]
    power += [("circuit_port_W", circuits, prices.circuit_port_W)]
    power += [(f"optic_W[{k}]", n, prices.optic_W.get(k)) for k, n in optics.items()]
    money = [("switch_usd", boxes, prices.switch_usd), ("optic_usd", lenses, prices.optic_usd)]
    money += [("circuit_port_usd", circuits, prices.circuit_port_usd)]
    money += [(f"{k}_usd", n, getattr(prices, f"{k}_usd", None)) for k, n in cables.items()]
    missing = tuple(name for name, n, each in [*power, *money] if n and each is None)
    return Bill(
        gpus=int(np.maximum(gpus, 0).sum()),
        switches=switches,
        ports=ports,
        circuit_ports=circuits,
        cables=cables,
        optics=optics,
        watts_W=total(power),
        price_usd=total(money),
        missing=missing,
    )


def total(items: list[tuple[str, int, float | None]]) -> float | None:
    """Return Σ count × each, None if one that is needed is not known."""
    known = [n * each for _, n, each in items if n and each is not None]
    return sum(known) if len(known) == sum(1 for _, n, _ in items if n) else None
