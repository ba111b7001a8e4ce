"""Requests of several kinds that ask one service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import pyarrow as pa

from sim.errors import ScenarioError
from sim.rng import Streams
from sim.state.arrays import Ints
from sim.workload import rules
from sim.workload.requests.base import AbstractRequests, Requests


@final
@dataclass(frozen=True)
class MixedRequests(AbstractRequests):
    """Requests of several sources, in order of arrival; each is a class of its name.

    Parameters
    ----------
    parts : sources by name, {chat: …, nightly: …}; one that is null asks nothing, and its class
        stays known. A source that has classes keeps them.

    The first part is drawn as if it were alone: who adds another compares the same requests.
    """

    parts: Mapping[str, AbstractRequests | None]

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        if not isinstance(self.parts, Mapping) or not any(self.parts.values()):
            return [f"{path}.parts: is {self.parts!r}; must name sources, as {{chat: …}}"]
        found = []
        for name, part in self.parts.items():
            if part is not None:
                here = f"{path}.parts.{name}"
                found += rules.one_of(here, part, AbstractRequests, "DrawnRequests")
        return found

    def late(self, path: str, until_s: float) -> list[str]:
        """Return the campaigns of its parts that begin so late."""
        parts = [(f"{path}.parts.{name}", part) for name, part in self.parts.items()]
        return [late for at, part in parts if part is not None for late in part.late(at, until_s)]

    def requests(self, streams: Streams, service: str) -> Requests:
        """Return the requests of all parts; two parts with one class raise ScenarioError."""
        made: list[Requests] = []
        classes: list[str] = []
        notes: list[str] = []
        inputs: dict[str, str] = {}
        aside: list[pa.Table] = []
        for k, (name, part) in enumerate(self.parts.items()):
            if part is None:
                classes.append(str(name))
                continue
            one = part.requests(streams, service if k == 0 else f"{service}/{name}").packed()
            own = [str(name)] if one.classes == ("",) else list(one.classes)
            if twice := sorted(set(own) & set(classes)):
                told = f"has a class {twice[0]!r}, as another has; must differ"
                raise ScenarioError([f"services.requests.parts.{name}: {told}"])
            klass = one.klass.astype(np.int16) + np.int16(len(classes))
            made.append(Requests(one.arrival_s, one.prompt, one.output, klass, prefix=one.prefix))
            classes += own
            notes += one.notes
            inputs |= one.inputs
            aside += [] if one.rejected is None else [one.rejected]
        at_s, prompt, output, klass = (
            np.concatenate([getattr(one, column) for one in made])
            for column in ("arrival_s", "prompt", "output", "klass")
        )
        order, prefix = np.argsort(at_s, kind="stable"), prefixes_of(made)
        return Requests(
            at_s[order], prompt[order], output[order], klass[order], tuple(classes), tuple(notes),
            inputs, None if prefix is None else prefix[order],
            pa.concat_tables(aside) if aside else None,
        )  # fmt: skip


def prefixes_of(made: Sequence[Requests]) -> Ints | None:
    """Return the prefixes of sources that share none, end to end; None where none is known."""
    if all(one.prefix is None for one in made):
        return None
    parts: list[Ints] = []
    known = 0
    for one in made:
        own = np.full(len(one.prompt), -1) if one.prefix is None else one.prefix
        parts.append(np.where(own < 0, -1, own + known))
        known += int(own.max(initial=-1)) + 1
    return np.concatenate(parts)
