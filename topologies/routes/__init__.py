"""Which links a flow takes, in arrays."""

from topologies.routes.policy import AbstractRouting, Adaptive, Ecmp, Spraying
from topologies.routes.table import Routes, routed

__all__ = ["AbstractRouting", "Adaptive", "Ecmp", "Routes", "Spraying", "routed"]
