"""Which links a flow takes, in arrays."""

from topologies.routes.table import Routes, routed

__all__ = ["Routes", "routed"]
