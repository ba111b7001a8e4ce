"""The requests of some classes, told as all of them are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import numpy as np
import pyarrow as pa

from sim.results.answers import Answers, Block, Late


def _among(block: Block, rows: np.ndarray, code: np.ndarray) -> Block:
    """Return some rows of a block, each column when it is asked for; `code` the new of a class."""

    def of(name: str) -> Callable[[Block], np.ndarray]:
        """Return what makes a column."""
        return lambda _: block[name][rows]

    return Late({name: of(name) for name in block}
                | {"class": lambda _: code[block["class"][rows]]})  # fmt: skip


class Among(Answers):
    """Of all requests those whose class is one of some, or those whose class is none of them."""

    def __init__(self, every: Answers, names: Collection[str], there: bool) -> None:
        self._every, self._names, self._there = every, names, there

    def _kept(self, service: str) -> np.ndarray:
        """Return whether each class counts, (classes,)."""
        known = self._every.classes(service) or [""]
        return np.array([(name in self._names) == self._there for name in known])

    def blocks(self, service: str) -> Iterator[Block]:
        """Return the requests of a service in order, block by block, columns by name."""
        kept = self._kept(service)
        code = np.cumsum(kept) - 1
        for block in self._every.blocks(service):
            yield _among(block, kept[block["class"]], code)

    def classes(self, service: str) -> list[str]:
        """Return what the numbers of classes stand for, sorted; empty if no request has one."""
        known = self._every.classes(service)
        return [name for name, k in zip(known, self._kept(service), strict=False) if k]

    def many(self, service: str) -> int:
        """Return how many requests of a service are among them."""
        return sum(len(block["class"]) for block in self.blocks(service))

    def pieces(self) -> Iterator[pa.Table]:
        """Return the table of all requests, in pieces."""
        return self._every.pieces()

    def table(self) -> pa.Table:
        """Return the table of all requests."""
        return self._every.table()
