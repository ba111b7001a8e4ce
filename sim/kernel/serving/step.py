"""What steps of a batch take, in whole ticks: a line, and what the number of tokens adds."""

from __future__ import annotations

import math

from sim.kernel.jit import inlined, jit, parted
from sim.state.serving import (
    CHUNK,
    DECODE,
    DECODE_0,
    DECODE_C,
    DECODE_D,
    H_PROMPT,
    L_PARTLY,
    MIXED_0,
    MIXED_C,
    MIXED_D,
    MIXED_P,
    MIXED_S,
    PREFILL,
    R_CONTEXT,
    R_FILLED,
    R_KIND,
    R_PARTLY,
    R_SEATS,
    R_START,
    R_STEPS,
    Service,
)  # fmt: skip


@inlined
def decoding(s: Service, r: int) -> int:
    """Return the ticks of the next decode step: d0 + dD D + dC C, and what D adds."""
    d, more = s.t[r, R_SEATS], s.decode_more
    base = s.rules[DECODE_0] + s.rules[DECODE_D] * d + s.rules[DECODE_C] * s.t[r, R_CONTEXT]
    return base + more[min(d, more.shape[0] - 1)]


@inlined
def span(s: Service, r: int, j: int) -> int:
    """Return the ticks of j decode steps, each of which adds D tokens of context."""
    return j * decoding(s, r) + s.rules[DECODE_C] * s.t[r, R_SEATS] * (j * (j - 1) // 2)


@inlined
def boundary(s: Service, r: int, ticks: int) -> int:
    """Return the least j >= 1 whose steps last at least that long, at most those of the run."""
    d, most = s.t[r, R_SEATS], s.t[r, R_STEPS]
    half = 0.5 * s.rules[DECODE_C] * d
    mean = decoding(s, r) - half  # span(j) = mean j + half j^2; near the root, then step by step
    root = 2.0 * ticks / (mean + math.sqrt(mean * mean + 4.0 * half * ticks))
    j = min(max(int(root), 1), most)
    while j > 1 and span(s, r, j - 1) >= ticks:
        j -= 1
    while j < most and span(s, r, j) < ticks:
        j += 1
    return j


@inlined
def mixing(s: Service, d: int, context: int, total: int, square: int, k: int) -> int:
    """Return the ticks of k equal steps with `total` prompt tokens in all beside d decoders.

    Each p0 + pP P + pS S + pD D + pC C, and what its P + D adds; `square` is their S together.
    """
    more = s.mixed_more
    each = s.rules[MIXED_0] + s.rules[MIXED_D] * d + s.rules[MIXED_C] * context
    each += more[min(d + total // k, more.shape[0] - 1)]
    grown = s.rules[MIXED_C] * d * (k * (k - 1) // 2)
    return k * each + grown + s.rules[MIXED_P] * total + s.rules[MIXED_S] * square


@inlined
def of_head(s: Service, r: int) -> int:
    """Return the computed tokens of the head's prompt when the run is over."""
    return s.t[r, R_PARTLY]


@inlined
def of_first_rank(s: Service, r: int) -> int:
    """Return the same of the first rank's, to whom alone several steps are given at once."""
    return s.lines[r, 0, L_PARTLY]


computed = parted(of_head, of_first_rank, "lines")


@jit
def done(s: Service, r: int, now: int) -> int:
    """Return how many steps of the run under way on replica r are over, that instant left out."""
    most, ticks, d = s.t[r, R_STEPS], now - s.t[r, R_START], s.t[r, R_SEATS]
    if s.t[r, R_KIND] == DECODE:
        return boundary(s, r, ticks) - 1
    if s.t[r, R_KIND] != PREFILL or most < 2:
        return 0
    each = s.rules[CHUNK] - d
    ends = s.h[s.ready[r, 0], H_PROMPT] if s.t[r, R_FILLED] > 0 else computed(s, r)
    begun = ends - most * each
    j = 0
    while j + 1 < most:
        total = (j + 1) * each
        square = (begun + total) ** 2 - begun**2
        if mixing(s, d, s.t[r, R_CONTEXT], total, square, j + 1) >= ticks:
            break
        j += 1
    return j
