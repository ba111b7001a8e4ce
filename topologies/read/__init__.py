"""A user's own fabric from a file: GraphML, node-link JSON, Slurm's topology.conf, an edge list.

Each reader returns a graph like a shipped one and raises `FabricFileError` with all faults at once.
"""

from topologies.read.common import FabricFileError
from topologies.read.edge_list import edge_list
from topologies.read.graphml import graphml
from topologies.read.node_link import node_link
from topologies.read.slurm import slurm

__all__ = ["FabricFileError", "edge_list", "graphml", "node_link", "slurm"]
