"""What is read of a service every so often: one row an interval, as an autoscaler sees it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.engine.pools import Decodes
from sim.engine.serving import Run, tick
from sim.kernel.serving.rows import interval
from sim.state.arrays import F8, I8, Ints
from sim.state.scaling import Demand, Scrapes
from sim.state.serving import DOOR_ENDS, ENDS, KV_CAP

MORE = ("shed", "asked", "starting", "draining", "leaving")
"""Columns beside those of Scrapes: requests shed, replicas waiting for GPUs, coming up, going; and
the requests on these."""
COLUMNS = (*Scrapes._fields, *MORE)
SHOWN = len(Scrapes._fields)
READY, ASKED = COLUMNS.index("ready"), COLUMNS.index("asked")
SOON = 1024
"""Among so many requests the last of an interval is looked for first: they lie in the cache."""


class Log:
    """The rows so far, and the sums from which the next one follows.

    The requests are those for whom somebody waits; the run may have more, at the door.
    """

    def __init__(self, run: Run, arrival_s: F8, prompt: Ints, output: Ints) -> None:
        self.run, self.arrival_s, self._prompt, self._output = run, arrival_s, prompt, output
        self._sums: tuple[I8, I8] | None = None
        self._rows, self.many = np.zeros((len(COLUMNS), 256)), 0
        self._came, self._last_s, self._ended = 0, 0.0, 0
        self._kept = np.zeros(9, np.int64)
        self.last: tuple[F8, F8, F8] = (np.zeros(0),) * 3

    def table(self) -> F8:
        """Return the rows, (columns, k)."""
        return self._rows[:, : self.many]

    def ended(self) -> bool:
        """Return whether a request was answered in the last interval; ask once in each."""
        clock = self.run.service.clock
        before, self._ended = self._ended, int(clock[ENDS]) + int(clock[DOOR_ENDS])
        return self._ended > before

    def seen(self, until_s: float) -> Scrapes:
        """Return the intervals that ended by an instant."""
        k = self.many
        if k and self._rows[0, k - 1] > until_s + 1e-9:
            k = int(self._rows[0, :k].searchsorted(until_s + 1e-9, "right"))
        return Scrapes._make(self._rows[:SHOWN, :k])

    def ahead(self, now_s: float, every_s: float) -> Demand:
        """Return the requests yet to come, by intervals."""
        if self._sums is None:  # 16 bytes a request, for who sees ahead only
            tokens = self._prompt, self._output
            prompts, outputs = (
                np.concatenate([[0], np.cumsum(of, dtype=np.int64)]) for of in tokens
            )
            self._sums = prompts, outputs
        prompts, outputs = self._sums
        end_s = float(self.arrival_s[-1]) if len(self.arrival_s) else 0.0
        edges = np.arange(now_s, max(end_s, now_s) + 2 * every_s, every_s)
        at = np.searchsorted(self.arrival_s, edges, "left")
        return Demand(
            edges[1:], np.diff(at).astype(float), np.diff(prompts[at]).astype(float),
            np.diff(outputs[at]).astype(float),
        )  # fmt: skip

    def came(self, now_s: float) -> tuple[int, float, int]:
        """Return how many came since the last reading, the sum of instants, tokens of prompts."""
        before = self._came
        many = int(self.arrival_s[before : before + SOON].searchsorted(now_s, "left"))
        if many == SOON:
            many = int(self.arrival_s[before:].searchsorted(now_s, "left"))
        self._came = before + many
        new = slice(before, self._came)
        tokens = int(np.add.reduce(self._prompt[new], dtype=np.int64))
        return many, float(np.add.reduce(self.arrival_s[new])), tokens

    def read(self, now_s: float, ready: Sequence[int], more: tuple[int, int, int]) -> None:
        """Add the row of the interval that ends now; all must be done up to now."""
        if self.many == self._rows.shape[1]:
            wider = np.empty((len(COLUMNS), 2 * self.many))  # what is not written takes no memory
            wider[:, : self.many] = self._rows
            self._rows = wider
        service, rows, k = self.run.service, self._rows, self.many
        came = self.came(now_s)
        batch, queue, kv = self.run.loads(ready)
        share = kv / float(service.rules[KV_CAP])
        filled = float(np.add.reduce(share)) / len(ready) if len(ready) else np.nan
        ends_s = now_s, self._last_s
        interval(service.clock, self._kept, rows, k, tick(now_s), ends_s, came, filled)
        rows[READY, k] = len(ready)
        rows[ASKED : ASKED + 3, k] = more
        self.last, self._last_s, self.many = (batch, queue, share), now_s, k + 1


class SentLog(Log):
    """The rows of a pool to which requests come from another; `ahead` is what people will ask."""

    def __init__(self, run: Decodes, arrival_s: F8, prompt: Ints, output: Ints) -> None:
        super().__init__(run, arrival_s, prompt, output)
        self.sent = run

    def came(self, now_s: float) -> tuple[int, float, int]:
        """Return how many came since the last reading, the sum of instants, tokens of prompts."""
        del now_s
        return self.sent.came()
