"""KV memory on its way from one pool of a service to the other, over the fabric."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import cast

import numpy as np
import simpy

from sim import kernel
from sim.engine.clock import Clock
from sim.engine.held import Stage
from sim.engine.pools import Prompts
from sim.engine.services import Life
from sim.state.arrays import F8, I8
from sim.state.fabric import SPARE, roomier

LEAST = 1e-6
"""Of its full speed a transfer has so much at least: links that are cut do not stop the clock."""


def over_fabric(clock: Clock, lives: Sequence[Life]) -> None:
    """Send over the fabric what pools send that say so, of services listed pool after pool."""
    for prompts, decodes in pairwise(lives):
        if decodes.of.link_Bps > 0.0 and clock.state.fabric.on:
            Transfers(clock, prompts, decodes)


class Transfers:
    """All transfers of a service together: one sender of the fabric.

    Each time the second pool's numbers are read, what was sent since then says how many transfers
    are under way at a time at full speed, a = tokens x s a token / s; they are between the nodes
    whose replicas answer, evenly by GPU, up to one a GPU of the first pool at once, and each takes
    1 / share as long as alone, `share` as of then.

    Neglects: which replica sends to which; what waits where more is asked of links than they carry;
    of a link's two ways the emptier one; the NICs of nodes.
    """

    def __init__(self, clock: Clock, prompts: Life, decodes: Life) -> None:
        """Begin with what a transfer takes alone."""
        self._clock, self._pools = clock, (prompts, decodes)
        self._run = cast("Prompts", prompts.run)
        self._alone = self._run.link
        self._tokens, self._duty = 0, 0.0
        clock.listen(self._heard)
        clock.process(self._life())

    def _life(self) -> Generator[simpy.Event, None, None]:
        """Say anew what is sent, as often as numbers are read."""
        every_s = self._pools[1].of.scrape_s
        while not self._pools[1].over:
            yield self._clock.timeout(every_s)
            self._run.advance(self._clock.now)
            tokens, self._tokens = self._run.tokens - self._tokens, self._run.tokens
            self._say(tokens * self._alone.token_s / every_s)
        self._say(0.0)

    def _say(self, under_way: float) -> None:
        """Let so many transfers be under way at a time, at full speed."""
        many, links, use_Bps = self._crossed()
        duty = under_way / max(many, 1.0)
        if duty == self._duty == 0.0:
            return
        self._duty, clock = duty, self._clock
        if clock.state.fabric.n[SPARE] < len(links):
            clock.state = clock.state.replaced(fabric=roomier(clock.state.fabric, len(links)))
        kernel.transfer(clock.state, self._pools[1].slots[0], links, use_Bps, duty, clock.now)

    def _crossed(self) -> tuple[float, I8, F8]:
        """Return how many transfers there may be at once, and (link, B/s) of so many, (k,) each.

        Out of a leaf with a part p of the first pool's GPUs and q of the second's go p (1 - q) of
        them, into it q (1 - p).
        """
        f = self._clock.state.fabric
        held = np.zeros((2, len(f.parent)))
        for one, pool in zip(held, self._pools, strict=True):
            for replica in pool.here:
                if replica.stage in (Stage.READY, Stage.DRAINS):
                    self._add(one, pool.slots[replica.slot])
        many = held.sum(axis=1)
        if not many.all():
            return 0.0, np.zeros(0, np.int64), np.zeros(0)
        for level in range(int(f.level.max())):
            below = np.flatnonzero((f.level == level) & (f.parent >= 0))
            for one in held:
                np.add.at(one, f.parent[below], one[below])
        p, q = held / many[:, None]
        leads = (f.level > 0) & (f.built_Bps > 0.0)
        part = np.where(leads, np.maximum(p * (1.0 - q), q * (1.0 - p)), 0.0)
        links = np.flatnonzero(part)
        flow_Bps = self._pools[1].of.link_Bps
        return float(many[0]), links, part[links] * many[0] * flow_Bps

    def _add(self, held: F8, job: int) -> None:
        """Add the GPUs of a replica, node by node."""
        state = self._clock.state
        rows = slice(state.jobs.row0[job], state.jobs.row0[job] + state.jobs.rows[job])
        np.add.at(held, state.ledger.node[rows].astype(np.int64), state.ledger.gpus[rows])

    def _heard(self) -> None:
        """Let transfers take as long as the links say now."""
        f, of = self._clock.state.fabric, len(self._clock.state.fabric.ran_s)
        sender = self._pools[1].slots[0] + of
        share = max(float(f.share[sender]), LEAST) if f.spans[sender] else 1.0
        token_s = self._alone.token_s / share
        if token_s != self._run.link.token_s:
            self._run.advance(self._clock.now)
            self._run.link = replace(self._alone, token_s=token_s)
