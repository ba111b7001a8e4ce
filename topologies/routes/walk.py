"""What a router's arithmetic needs, as numbers: for who finds paths one by one, compiled."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from topologies.fabric import Fabric, Ints

NONE = np.zeros(0, np.int64)


class Walk(NamedTuple):
    """Numbers by which the links of a flow are found, and which arithmetic takes them."""

    name: str
    number: Ints  # in the order that the arithmetic has
    longest: int  # links of a path, those of its ends' own NICs apart
    table: Ints = NONE
    valiant: bool = False
    looks: bool = False  # it says vertices; their links are looked up
    together: int = 1  # nodes of one NVLink domain
    first: Ints = NONE  # the first cable of each edge, where hashes tell cables apart

    def plan(self, fabric: Fabric, pairs: int) -> dict[str, Any]:
        """Return all that is needed on a fabric, for so many queue pairs a lane."""
        key, at, shift = fabric.looked_up() if self.looks else (NONE, NONE, 0)
        number = np.concatenate([[len(fabric.kind)], self.number]) if self.looks else self.number
        return {
            "walk": self.name,
            "number": number,
            "longest": self.longest,
            "table": self.table,
            "valiant": self.valiant,
            "together": self.together,
            "first": self.first,
            "key": key,
            "at": at,
            "shift": np.array([shift]),
            "lanes": int(getattr(fabric.router, "lanes", 1)),
            "pairs": pairs,
        }
