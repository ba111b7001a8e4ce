"""Graphs of fabrics: pure functions, as in networkx.generators.

Enters: counts, capacities, latencies; or a user's file (`topologies.read`).
Leaves: a graph with named attributes; the same as arrays (`.arrays`); routes as CSR; a bill.
May import: networkx, sim.units.         Must not know: the simulator; nothing in it imports this.
To add one: a file with one function under `@family`; a line in __all__; its laws in the tests.
Begin with: fat_tree.py, then fabric.py (arrays), wiring.py (tiers), routes/, check.py.

A fabric is an undirected `networkx.Graph`. What its attributes mean:

nodes   kind         "node" (holds GPUs), "leaf", "spine", "core", "router", "nvlink", "block"
        tier         0 for nodes, 1 for leaves, 2 for spines, 3 for cores
        rail, plane  of a switch that serves one only
        rack         number of the rack; spines and cores have none
        pod          nodes, leaves and spines that meet without a core; a dragonfly's group
        feed         power feed, 0 or 1
        gpus         of a node;   ports: of a switch
edges   capacity_Bps bytes a second, each way; all parallel cables together
        back_Bps     only where it differs: from the vertex that comes later to the earlier
        latency_s    one way
        cables       how many cables the edge stands for
        cable        "copper", "fibre" or "circuit", two fibres and an optical circuit between them
        optic        the transceiver at both ends, such as "400G"

Nodes are numbered 0 … n-1 as in the simulated cluster; switches are named by kind and number.

`fat_tree(8)` is a graph and `fat_tree.arrays(8)` a `Fabric`, the same in columns: edge e is the
directed links 2 e (a → b) and 2 e + 1 (b → a), whose capacities are `fabric.link_Bps`.
`bundled(fabric)` is what spraying sees, parallel cables as one link, `cabled(fabric)` what hashing
sees, each by itself. `Ecmp(4).routes(…)`, `Adaptive()`, `Spraying()` are the ways to choose paths.
A link of capacity 0 has failed: routes go round it.
`routed(fabric, src, dst, lane, ways)` gives each flow's links and weights as CSR; `compiled(graph)`
makes a Fabric of any graph. `describe` and `bill` take either.
"""

from topologies.bill import SHEET_400G, Bill, Prices, bill
from topologies.bundled import bundled
from topologies.cabled import cabled
from topologies.check import faults
from topologies.clos import clos
from topologies.describe import Description, describe
from topologies.dragonfly_plus import dragonfly_plus
from topologies.fabric import Fabric, compiled
from topologies.fat_tree import fat_tree
from topologies.hyperx import hyperx
from topologies.leaf_spine import leaf_spine
from topologies.multi_plane import multi_plane
from topologies.nvlink import nvlink, nvlink_arrays
from topologies.rail_only import rail_only
from topologies.rail_optimized import rail_optimized
from topologies.routes import AbstractRouting, Adaptive, Ecmp, Routes, Spraying, routed
from topologies.torus import torus

__all__ = [
    "SHEET_400G",
    "AbstractRouting",
    "Adaptive",
    "Bill",
    "Description",
    "Ecmp",
    "Fabric",
    "Prices",
    "Routes",
    "Spraying",
    "bill",
    "bundled",
    "cabled",
    "clos",
    "compiled",
    "describe",
    "dragonfly_plus",
    "fat_tree",
    "faults",
    "hyperx",
    "leaf_spine",
    "multi_plane",
    "nvlink",
    "nvlink_arrays",
    "rail_only",
    "rail_optimized",
    "routed",
    "torus",
]
