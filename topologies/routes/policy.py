"""Who chooses a flow's path among many: a hash, a look at the ports, or nobody: all are taken."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from topologies.fabric import Fabric
from topologies.routes.adaptive import Busy, adapted
from topologies.routes.table import Routes, merged, packed, routed, spread


class AbstractRouting(ABC):
    """Draws the links of flows."""

    @property
    def drawn(self) -> int:
        """Return how many paths of a flow arithmetic finds; 0 where it takes all."""
        return 0

    @property
    def even(self) -> bool:
        """Return whether switches choose the port with the least load; else hashes draw."""
        return False

    @abstractmethod
    def routes(
        self, fabric: Fabric, src: ArrayLike, dst: ArrayLike, lane: ArrayLike = 0, salt: int = 0,
        busy: Busy | None = None,
    ) -> Routes:  # fmt: skip
        """Return the links of each flow, with the part of it that crosses each.

        lane : rail, plane or rail planes + plane, as in `routed`.
        busy : what flows send and links send already, for who looks; None: flows are alike, and
            alone.

        Raises ValueError for ends that are not there, or a fabric on which it cannot route.
        """


@final
@dataclass(frozen=True)
class Ecmp(AbstractRouting):
    """Equal-cost multipath: a hash draws a path for each of a flow's queue pairs.

    On a non-blocking fabric 1 queue pair slows jobs 4 times on average, 16 still 1.3 times
    (`experiments/routing`): hashes collide. Give it `cabled(fabric)` where parallel cables are told
    apart.

    Source: RFC 2992; queue pairs: Gangidi et al., Meta's RoCE, SIGCOMM 2024.
    Neglects: hashes that depend on each other from tier to tier (polarisation).
    """

    queue_pairs: int = 1

    @property
    def drawn(self) -> int:
        """Return one path a queue pair."""
        return self.queue_pairs

    def routes(
        self, fabric: Fabric, src: ArrayLike, dst: ArrayLike, lane: ArrayLike = 0, salt: int = 0,
        busy: Busy | None = None,
    ) -> Routes:  # fmt: skip
        """Return one drawn path a queue pair, each with its part."""
        del busy
        if self.queue_pairs < 1:
            raise ValueError(f"queue_pairs is {self.queue_pairs}; must be at least 1")
        return routed(fabric, src, dst, lane, self.queue_pairs, salt)


@final
@dataclass(frozen=True)
class Adaptive(AbstractRouting):
    """Each switch sends a new flow up the port with the least load; the way down is then given.

    Up is even to one flow; down, flows still meet. In a run a flow counts with what it sends in the
    mean while nothing slows it, a port with all running jobs' flows and with what of it is broken.
    A switch that may choose anew for each packet is `Spraying`.

    Source: local adaptive routing as of InfiniBand switches, by the load of the port and for as
    long as a burst ("bounded"; "free" is by packet): MLNX OFED's manual, Adaptive Routing; NVIDIA,
    IB Cluster Bring-up, "TREE"; by flow as htsim has it.
    Neglects: what is known of other switches' ports; that a flow which pauses may choose anew when
    others have come or gone (`docs/routing.md`: 1 % in the mean); that a queue shows what flows
    send just now, not in the mean; that flows choose anew together when a link fails or works
    again: jobs do, one by one, each beside those behind it as they were.
    """

    queue_pairs: int = 1

    @property
    def drawn(self) -> int:
        """Return one path a queue pair."""
        return self.queue_pairs

    @property
    def even(self) -> bool:
        """Return that they do."""
        return True

    def routes(
        self, fabric: Fabric, src: ArrayLike, dst: ArrayLike, lane: ArrayLike = 0, salt: int = 0,
        busy: Busy | None = None,
    ) -> Routes:  # fmt: skip
        """Return one path a queue pair; ValueError on a fabric that is not in tiers."""
        if self.queue_pairs < 1:
            raise ValueError(f"queue_pairs is {self.queue_pairs}; must be at least 1")
        links = adapted(fabric, src, dst, lane, self.queue_pairs, salt, busy)
        return merged(links, self.queue_pairs) if self.queue_pairs > 1 else packed(links, None)


@final
@dataclass(frozen=True)
class Spraying(AbstractRouting):
    """Every packet takes the next path: over all planes, spines and cores of a flow's rail.

    Source: Dixit et al., INFOCOM 2013; Ultra Ethernet, EQDS.
    Neglects: reordering, the headers and control packets (htsim's EQDS: 9 % of the time).
    """

    def routes(
        self, fabric: Fabric, src: ArrayLike, dst: ArrayLike, lane: ArrayLike = 0, salt: int = 0,
        busy: Busy | None = None,
    ) -> Routes:  # fmt: skip
        """Return all paths of each flow's rail; ValueError on a fabric that is not in tiers."""
        del salt, busy
        return spread(fabric, np.asarray(src), np.asarray(dst), np.asarray(lane))
