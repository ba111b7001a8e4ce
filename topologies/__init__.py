"""Graphs of fabrics: pure functions, as in networkx.generators.

Enters: counts, capacities, latencies.   Leaves: a graph with named attributes.
May import: networkx, sim.units.         Must not know: the simulator; nothing in it imports this.
To add one: a file here with one function; a line in __all__; its laws in tests/topologies/.
Begin with: leaf_spine.py, then check.py (what every fabric must be).

A fabric is an undirected `networkx.Graph`. What its attributes mean:

nodes   kind         "node" (holds GPUs), "leaf", "spine"
        tier         0 for nodes, 1 for leaves, 2 for spines
        rack         number of the rack; spines have none
edges   capacity_Bps bytes a second, each way
        latency_s    one way

Nodes are numbered 0 … n-1 as in the simulated cluster; switches are named by strings.
"""

from topologies.check import faults
from topologies.leaf_spine import leaf_spine

__all__ = ["faults", "leaf_spine"]
