"""Which nodes have so many GPUs free: a bit a node, a bitmap a level, in placement's order.

Over each bitmap lies another, a bit a word, so that a search on a full cluster skips what is empty.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import jit
from sim.state.columns import WORD
from sim.state.handle import State


@jit
def low_bit(word: int) -> int:
    """Return the place of the lowest bit that is set; the word must not be 0."""
    n = 0
    if word & 0xFFFF == 0:
        word >>= 16
        n += 16
    if word & 0xFF == 0:
        word >>= 8
        n += 8
    if word & 0xF == 0:
        word >>= 4
        n += 4
    if word & 0x3 == 0:
        word >>= 2
        n += 2
    if word & 0x1 == 0:
        n += 1
    return n


@jit
def show(s: State, node: int, sign: int) -> None:
    """Enter (+1) a node in the level of its free GPUs, or take it out (-1)."""
    kind, free, rank = s.nodes.kind[node], s.nodes.free[node], s.nodes.rank[node]
    word = rank // WORD
    bits = s.kinds.level[kind, free, word] ^ 1 << (rank % WORD)
    s.kinds.level[kind, free, word] = bits
    above, bit = word // WORD, 1 << (word % WORD)
    if bits == 0:
        s.kinds.some[kind, free, above] &= ~bit
    else:
        s.kinds.some[kind, free, above] |= bit
    s.kinds.many[kind, free] += sign
    s.kinds.free[kind] += sign * free


@jit
def give(s: State, node: int, gpus: int, mcpu: int, mem_bytes: int) -> None:
    """Give a node back some of its own; negative amounts take."""
    up = s.nodes.up[node]
    if up:
        show(s, node, -1)
    s.nodes.free[node] += gpus
    s.nodes.mcpu_free[node] += mcpu
    s.nodes.mem_free[node] += mem_bytes
    if up:
        show(s, node, 1)


@jit
def able(s: State, kind: int, gpus: int, enough: int) -> bool:
    """Return whether at least `enough` nodes of a kind have `gpus` free."""
    n = 0
    for f in range(s.kinds.size[kind], gpus - 1, -1):
        n += s.kinds.many[kind, f]
        if n >= enough:
            return True
    return False


@jit
def union(s: State, bitmap: np.ndarray, kind: int, group: int, gpus: int, word: int) -> int:
    """Return a word of the bitmap, over the levels of a group that have `gpus` free."""
    bits = 0
    for i in range(s.taste.group[group], s.taste.group[group + 1]):
        f = s.taste.level[i]
        if f >= gpus and s.kinds.many[kind, f] > 0:
            bits |= bitmap[kind, f, word]
    return int(bits)


@jit
def next_rank(s: State, kind: int, group: int, gpus: int, rank: int) -> int:
    """Return the least rank >= `rank` of a node in the group's levels with `gpus` free, or -1."""
    alive = False
    for i in range(s.taste.group[group], s.taste.group[group + 1]):
        f = s.taste.level[i]
        alive = alive or (f >= gpus and s.kinds.many[kind, f] > 0)
    word = rank // WORD
    if not alive or word >= s.kinds.level.shape[2]:
        return -1
    bits = union(s, s.kinds.level, kind, group, gpus, word) >> (rank % WORD) << (rank % WORD)
    if bits == 0:
        word += 1
        above = word // WORD
        if above == s.kinds.some.shape[2]:
            return -1
        some = union(s, s.kinds.some, kind, group, gpus, above) >> (word % WORD) << (word % WORD)
        while some == 0:
            above += 1
            if above == s.kinds.some.shape[2]:
                return -1
            some = union(s, s.kinds.some, kind, group, gpus, above)
        word = above * WORD + low_bit(some)
        bits = union(s, s.kinds.level, kind, group, gpus, word)
    return int(word * WORD + low_bit(bits))
