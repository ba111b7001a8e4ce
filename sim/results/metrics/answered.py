"""How requests fared: those for whom somebody waits, and those at the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sim.results.among import Among
from sim.results.answers import NOBODY, Answers, Block
from sim.results.metrics.jobs import Number, spread

TIMES = ("ttft_s", "tpot_s", "e2e_s")


def ratio(part: float, whole: float) -> Number:
    """Return part / whole; None where the whole is nothing."""
    return float(part) / float(whole) if whole > 0.0 else None


def those(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the values of some rows, (k,); where all are meant, the values themselves."""
    return values if rows.all() else values[rows]


class Counted:
    """Numbers of requests that came from the warm-up on, added up block by block."""

    def __init__(self, about: Mapping[str, Any], names: Sequence[str], warm_s: float) -> None:
        """Begin with none; `names` are the classes that occur."""
        slo = about["slo_ttft_s"], about["slo_tpot_s"]
        own = about.get("slo_by_class") or {}
        self.each = np.array([own.get(name, slo) for name in names or [NOBODY]], np.float64)
        self.warm_s, self.last_s = warm_s, -np.inf
        self.requests, self.good = np.zeros((2, len(self.each)), np.int64)  # by class
        self.ended = self.shed = self.prompt = self.output = self.preempted = 0

    def add(self, block: Block) -> None:
        """Add the requests of a block."""
        late, code, e2e = block["arrival_s"] >= self.warm_s, block["class"], block["e2e_s"]
        apart = len(self.each) > 1  # of one class all are held to the same
        ttft_s, tpot_s = self.each[code].T if apart else self.each[0]
        good = late & (block["ttft_s"] <= ttft_s) & (block["tpot_s"] <= tpot_s)
        for made, rows in ((self.requests, late), (self.good, good)):
            made += np.bincount(code[rows], minlength=len(made)) if apart else rows.sum()
        known = ~np.isnan(e2e)
        ends_s = those(block["arrival_s"] + e2e, known)
        self.last_s = max(self.last_s, ends_s.max(initial=-np.inf))
        ended = late & known
        self.ended += int(ended.sum())
        self.shed += int((late & block["shed"]).sum())
        self.prompt += int(those(block["prompt_tokens"], ended).sum())
        self.output += int(those(block["output_tokens"], ended).sum())
        self.preempted += int(those(block["preemptions"], late).sum())


def spreads(
    asked: Answers, service: str, names: Sequence[str], warm_s: float, requests: np.ndarray
) -> dict[str, list[dict[str, Number]]]:
    """Return the spread of each column by class, over the requests from the warm-up on.

    `requests` says how many each class has at most, (classes,); of one all count as alike. The
    columns are told one after the other in the same memory, 8 bytes a request.
    """
    begin, apart = np.cumsum(requests) - requests, len(requests) > 1
    every, found = np.empty(int(requests.sum())), {}
    for name in names:
        n = begin.copy()
        for block in asked.blocks(service):
            values = block[name]
            counts = (block["arrival_s"] >= warm_s) & ~np.isnan(values)
            values = those(values, counts)
            code = block["class"][counts] if apart else np.zeros(1, np.int64)
            for k in np.unique(code):
                own = values[code == k] if apart else values
                every[n[k] : n[k] + len(own)] = own
                n[k] += len(own)
        edges = zip(begin.tolist(), n.tolist(), strict=True)
        found[name] = [spread(every[b:e], True) for b, e in edges]
    return found


def answered(
    asked: Answers, about: Mapping[str, Any], warm_s: float, end_s: float
) -> dict[str, Any]:
    """Return how the requests of a service fared that came from the warm-up on.

    slo_attainment = those answered within both targets, its class's where that has its own / all
    that came, shed and open ones too; goodput = those a second. A request still open when the run
    stopped, and not yet beyond its target, counts as missed; it is left out of the percentiles of
    what it has not had.
    """
    service, names = about["name"], asked.classes(about["name"])
    made = Counted(about, names, warm_s)
    for block in asked.blocks(service):
        made.add(block)
    many, good = int(made.requests.sum()), int(made.good.sum())
    span_s = (min(end_s, made.last_s) if made.ended else end_s) - warm_s
    whole = np.array([many])
    found: dict[str, Any] = {
        "requests": many,
        "answered": made.ended,
        "shed": made.shed,
        **{name: made[0] for name, made in spreads(asked, service, TIMES, warm_s, whole).items()},
        "slo_attainment": ratio(good, many),
        "goodput_per_s": ratio(good, span_s),
        "requests_per_s": ratio(made.ended, span_s),
        "prompt_tokens": made.prompt,
        "output_tokens": made.output,
        "output_tokens_per_s": ratio(made.output, span_s),
        "preemptions": made.preempted,
    }
    if names:
        apart = spreads(asked, service, TIMES[:2], warm_s, made.requests)
        found["by_class"] = {
            name: {
                "requests": int(made.requests[k]),
                "slo_ttft_s": float(made.each[k, 0]),
                "slo_tpot_s": float(made.each[k, 1]),
                "slo_attainment": ratio(int(made.good[k]), int(made.requests[k])),
                "goodput_per_s": ratio(int(made.good[k]), span_s),
                **{n: apart[n][k] for n in TIMES[:2]},
            }
            for k, name in enumerate(names)
        }
    return found


def offline(made: Answers, about: Mapping[str, Any], warm_s: float, end_s: float) -> dict[str, Any]:
    """Return how those requests fared that wait at the door, of those from the warm-up on.

    deadline_met = those answered within the deadline / all that came. Tokens a second are of those
    answered, over the time until the last of them was.
    """
    service = about["name"]
    every = Counted({"slo_ttft_s": np.inf, "slo_tpot_s": np.inf}, [], warm_s)
    met = 0
    for block in made.blocks(service):
        every.add({**block, "class": np.zeros_like(block["class"])})
        late = block["arrival_s"] >= warm_s
        met += int((late & (block["e2e_s"] <= about["deadline_s"])).sum())
    span_s = (min(end_s, every.last_s) if every.ended else end_s) - warm_s
    return {
        "requests": int(every.requests.sum()),
        "answered": every.ended,
        "deadline_s": float(about["deadline_s"]),
        "deadline_met": ratio(met, every.requests.sum()),
        "e2e_s": spreads(made, service, TIMES[2:], warm_s, every.requests)["e2e_s"][0],
        "prompt_tokens": every.prompt,
        "output_tokens": every.output,
        "output_tokens_per_s": ratio(every.output, span_s),
        "preemptions": every.preempted,
    }


def asked(made: Answers, about: Mapping[str, Any], warm_s: float, end_s: float) -> dict[str, Any]:
    """Return the numbers of a service's requests; tokens are of all, those at the door too.

    All else is of those for whom somebody waits; `offline` has the others' own.
    """
    if not about.get("offline"):
        return answered(made, about, warm_s, end_s)
    inside, outside = (Among(made, about["offline"], there) for there in (False, True))
    one = answered(inside, about, warm_s, end_s)
    apart = offline(outside, about, warm_s, end_s)
    for name in ("prompt_tokens", "output_tokens", "output_tokens_per_s"):
        one[name] = (one[name] or 0) + (apart[name] or 0)
    return one | {"offline": apart}
