"""Requests from a file, or that are in memory already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final, get_args

import numpy as np

from sim.errors import RackplanError, ScenarioError
from sim.files import find, sha256
from sim.rng import Streams
from sim.workload import rules
from sim.workload.check import OnError
from sim.workload.raw import rejected
from sim.workload.requests.base import LATEST_S, MOST_REQUESTS, AbstractRequests, Requests
from sim.workload.requests.formats import FORMATS, given, read


@final
@dataclass(frozen=True)
class RequestTrace(AbstractRequests):
    """The requests of a trace, the first at instant 0.

    Parameters
    ----------
    path : from the current directory, else among the shipped traces; may be .gz.
    format : requests (own columns), azure, burstgpt, mooncake, or auto: told by the columns.
    on_error : a row that breaks a rule stops the reading, or is set aside (`skip`) and told of.
    begin_s, duration_s : the part of the trace to use; None goes to its end.
    factor : how many times as fast they come; tokens stay as they are.
    repeat : how many times the part is played, end to end.

    Neglects: that more users at once are not the same users faster: bursts get steeper by factor.
    """

    path: str
    format: str = "auto"
    on_error: OnError = "stop"
    begin_s: float = 0.0
    duration_s: float | None = None
    factor: float = 1.0
    repeat: int = 1

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters; those of the rows come with `requests`."""
        found = []
        try:
            if self.path == "":
                raise RackplanError("is not given; must be a file, such as my_requests.csv")
            find(self.path)
        except (RackplanError, OSError, ValueError, TypeError) as fault:
            found.append(f"{path}.path: {fault}")
        for name, choices in (("format", FORMATS), ("on_error", get_args(OnError))):
            value = getattr(self, name)
            if value not in choices:
                found.append(f"{path}.{name}: is {value!r}; must be one of {', '.join(choices)}")
        found += rules.at_least(f"{path}.begin_s", self.begin_s, 0)
        if self.duration_s is not None:
            found += rules.above(f"{path}.duration_s", self.duration_s, 0)
        found += rules.above(f"{path}.factor", self.factor, 0)
        return found + rules.whole(f"{path}.repeat", self.repeat, 1)

    def requests(self, streams: Streams, service: str) -> Requests:
        """Return the requests."""
        del streams, service
        path = find(self.path)
        rows, faults = read(path, self.format, self.on_error)
        end_s = np.inf if self.duration_s is None else self.begin_s + self.duration_s
        part = (rows.arrival_s >= self.begin_s) & (rows.arrival_s < end_s)
        if not part.any():
            raise ScenarioError(
                [f"services.requests.begin_s: is {self.begin_s:g}; no request comes in this part"]
            )
        at_s = (rows.arrival_s[part] - self.begin_s) / self.factor
        span_s = float(at_s[-1]) if self.duration_s is None else self.duration_s / self.factor
        if len(at_s) * self.repeat > MOST_REQUESTS or span_s * self.repeat > LATEST_S:
            told = f"is {self.repeat}; makes more than {MOST_REQUESTS:,} requests or {LATEST_S:g} s"
            raise ScenarioError([f"services.requests.repeat: {told}; lower it"])
        turns = np.repeat(np.arange(self.repeat) * span_s, len(at_s))
        prompt, output, klass = (
            np.tile(column[part], self.repeat) for column in (rows.prompt, rows.output, rows.klass)
        )
        prefix = None if rows.prefix is None else np.tile(rows.prefix[part], self.repeat)
        at_s = np.tile(at_s, self.repeat) + turns
        inputs = {self.path: sha256(path)}
        return replace(rows, arrival_s=at_s, prompt=prompt, output=output, klass=klass,
                       inputs=inputs, prefix=prefix,
                       rejected=rejected(self.path, faults))  # fmt: skip


@final
@dataclass(frozen=True)
class GivenRequests(AbstractRequests):
    """Requests that are in memory: arrival_s, prompt_tokens, output_tokens, and class if any."""

    columns: Mapping[str, Sequence[Any]]

    def issues(self, path: str) -> list[str]:
        """Return nothing; faults of the rows come with `requests`."""
        del path
        return []

    def requests(self, streams: Streams, service: str) -> Requests:
        """Return the requests."""
        del streams, service
        made = given(self.columns)
        first_s = float(np.min(np.asarray(self.columns["arrival_s"], float)))
        return replace(made, arrival_s=made.arrival_s + first_s)
