"""What fills the valleys: tokens for those who wait, and for those at the door, over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sim.report import figures
from sim.report.figures import BLUE, GREEN, MINT, PALE
from sim.results.among import Among
from sim.results.answers import Answers


def parts(asked: Answers, about: Mapping[str, Any]) -> tuple[Answers, Answers | None]:
    """Return the requests for whom somebody waits, and the others; None where there are none."""
    if not about.get("offline"):
        return asked, None
    return Among(asked, about["offline"], False), Among(asked, about["offline"], True)


def tokens_per_s(asked: Answers, service: str, edges_s: np.ndarray) -> np.ndarray:
    """Return the output tokens a second in each bin, (bins,), of the requests answered.

    A request's are taken to come evenly from its first to its last.
    Neglects: that one evicted meanwhile had none for a time.
    """
    made = np.zeros(len(edges_s) - 1)
    for block in asked.blocks(service):
        arrival, output = block["arrival_s"], block["output_tokens"]
        made += spread_out(arrival + block["ttft_s"], arrival + block["e2e_s"], output, edges_s)
    return np.asarray(made / np.diff(edges_s), np.float64)


def spread_out(
    begin: np.ndarray, end: np.ndarray, output: np.ndarray, edges_s: np.ndarray
) -> np.ndarray:
    """Return the tokens in each bin, (bins,), of answers from begin to end; nan has none."""
    done = ~np.isnan(end)
    begin, end, output = begin[done], end[done], output[done].astype(np.float64)
    long = end > begin
    at_once = np.histogram(end[~long], edges_s, weights=output[~long])[0]
    begin, end, rate = begin[long], end[long], output[long] / (end - begin)[long]

    def ramps(from_s: np.ndarray) -> np.ndarray:
        """Return the sum of rate x (edge - from) over those that lie before each edge."""
        order = np.argsort(from_s)
        n = np.searchsorted(from_s[order], edges_s)
        rates = np.concatenate([[0.0], np.cumsum(rate[order])])[n]
        shifts = np.concatenate([[0.0], np.cumsum((rate * from_s)[order])])[n]
        return np.asarray(rates * edges_s - shifts, np.float64)

    return np.asarray(np.diff(ramps(begin) - ramps(end)) + at_once, np.float64)


def stacked(
    axis: Any, both: tuple[Answers, Answers], service: str, edges_s: np.ndarray, edges: np.ndarray
) -> None:
    """Draw the tokens of those who wait, and on them those of the others."""
    lower, upper = (tokens_per_s(part, service, edges_s) for part in both)
    figures.filled(axis, lower + upper, edges, GREEN, MINT)
    figures.filled(axis, lower, edges, BLUE, PALE)
    title = "Output tokens a second: people (blue), on top batch inference (green)"
    figures.titled(axis, title, GREEN)
