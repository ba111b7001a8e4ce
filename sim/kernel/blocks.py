"""Find nodes for a gang in blocks, as Slurm's topology/block does: it reaches over none."""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import jit
from sim.kernel.pick import note
from sim.state.handle import State


@jit
def least_level(base_blocks: int) -> int:
    """Return the least level whose 2 ** level base blocks are so many."""
    level = 0
    while 1 << level < base_blocks:
        level += 1
    return level


@jit
def level_from(s: State, level: int, step: int) -> int:
    """Return the nearest level that is formed, from `level` up (1) or down (-1); -1 if none."""
    while 0 <= level < s.topology.level.size:
        if s.topology.level[level]:
            return level
        level += step
    return -1


@jit
def most_in(free: np.ndarray, begin: int, end: int, wide: int, narrow: int, parts: int) -> int:
    """Return the free nodes of the `parts` fullest parts, `narrow` base blocks each, of a block.

    It is looked for among the first `wide` // `narrow` parts: where all base blocks are the block,
    and do not divide, Slurm leaves the last part out, and a gang that needs it waits for ever.
    """
    many = min((end - begin + narrow - 1) // narrow, wide // narrow)
    total = np.empty(many, np.int64)
    for k in range(many):
        first = begin + k * narrow
        total[k] = free[first : min(first + narrow, end)].sum()
    total.sort()
    return int(total[max(many - parts, 0) :].sum())


@jit
def tightest_block(free: np.ndarray, wide: int, narrow: int, parts: int, need: int) -> int:
    """Return the first base block of the block with the fewest free nodes that suffice; -1 if none.

    Of `wide` base blocks each, from the first on; the last of equals. What counts as sufficient
    lies in its `parts` fullest parts of `narrow` base blocks.
    """
    best, least = -1, 0
    for begin in range(0, free.size, wide):
        end = min(begin + wide, free.size)
        total = int(free[begin:end].sum())
        room = total if wide == narrow * parts else most_in(free, begin, end, wide, narrow, parts)
        if room >= need and (best < 0 or total <= least):
            best, least = begin, total
    return best


@jit
def better(x: int, y: int, need: int) -> int:
    """Return 1 where x nodes are a better place for `need` than y, -1, or 0 where they are equal.

    What suffices before what does not; of two that suffice the fewer, else the more.
    """
    if (x >= need) != (y >= need):
        return 1 if x >= need else -1
    if x == y:
        return 0
    return 1 if (x < y) == (x >= need) else -1


@jit
def used_in(used: np.ndarray, begin: int, end: int, narrow: int, i: int) -> bool:
    """Return whether the part of `narrow` base blocks around base block i holds one in use."""
    first = i // narrow * narrow
    return bool(used[max(first, begin) : min(first + narrow, end)].any())


@jit
def next_base(
    free: np.ndarray, part: np.ndarray, used: np.ndarray, begin: int, end: int, narrow: int,
    need: int,
) -> tuple[int, bool]:  # fmt: skip
    """Return the base block to go on with, -1 if there is none, and whether its part is in use.

    One in a part in use, then in the better part, then the better base block; the last of equals.
    Without `part` (0,), where parts need not be counted, only the last.
    """
    best, same = -1, True
    for i in range(begin, end):
        if used[i]:
            continue
        if part.size > 0 and (best < 0 or i // narrow != best // narrow):
            here = used_in(used, begin, end, narrow, i)
            if best < 0 or here != same:
                if best < 0 or here:
                    best, same = i, here
                continue
            sign = better(part[i // narrow], part[best // narrow], need)
            if sign != 0:
                best = i if sign > 0 else best
                continue
        if best < 0 or better(free[i], free[best], need) >= 0:
            best = i
    return int(best), bool(same)


@jit
def parts_of(free: np.ndarray, narrow: int, counted: bool) -> np.ndarray:
    """Return the free nodes of each part of `narrow` base blocks; (0,) where none is counted."""
    out = np.zeros((free.size + narrow - 1) // narrow if counted else 0, np.int64)
    if counted:
        for i in range(free.size):
            out[i // narrow] += free[i]
    return out


@jit
def one_block(s: State, nodes: np.ndarray, left: np.ndarray, need: int, gpus: int) -> bool:
    """Find `need` of the nodes that are `left` in one block, on few parts and base blocks of it."""
    leaf, size = s.topology.leaf, s.topology.size
    free = np.zeros(s.topology.above.shape[1], np.int64)
    for k in range(nodes.size):
        if left[k]:
            free[leaf[nodes[k]]] += 1
    level = least_level((need + size - 1) // size)
    lower = level_from(s, level - 1, -1) if level > 0 else 0
    upper = level_from(s, level, 1)
    narrow, wide = 1 << lower, free.size if upper < 0 else 1 << upper
    parts = (need + narrow * size - 1) // (narrow * size)
    begin = tightest_block(free, wide, narrow, parts, need)
    if begin < 0:
        return False
    end = min(begin + wide, free.size)
    part = parts_of(free, narrow, wide != narrow * parts)
    used = np.zeros(free.size, np.bool_)
    while need > 0:
        best, same = next_base(free, part, used, begin, end, narrow, need)
        if best < 0 or free[best] == 0 or (parts <= 0 and not same):
            return False
        used[best] = True
        parts -= 0 if same else 1
        for k in range(nodes.size):
            if need > 0 and left[k] and leaf[nodes[k]] == best:
                note(s, nodes[k], gpus)
                left[k] = False
                need -= 1
    return True


@jit
def in_blocks(s: State, job: int, nodes: np.ndarray, need: int, gpus: int) -> bool:
    """Find `need` of the open nodes, each segment of a job in a block by itself.

    The block is the smallest formed size that could hold it, and of these the one with the fewest
    free nodes that suffice, the last of equals; none that suffices: nothing is found, however many
    nodes are free. A job larger than the largest size lies on all blocks that
    whole parts of that size make.

    Source: Slurm 26.11, topology/block, eval_nodes_block.c; `--segment` of sbatch(1).
    Neglects: node weights, --spread-segments, --consolidate-segments, --exclusive=topo.
    """
    segment = s.topology.segment[job]
    if segment <= 0 or segment > need:
        segment = need
    if need % segment > 0:
        return False
    left = np.ones(nodes.size, np.bool_)
    for _ in range(need // segment):
        if not one_block(s, nodes, left, segment, gpus):
            return False
    return True
