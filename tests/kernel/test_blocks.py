"""Which block of base blocks a gang is given, against the same sums done with lists.

Source: Slurm 26.11, topology/block, eval_nodes_block.c, where a block is chosen.
"""

import numpy as np
import pytest

from sim.kernel.blocks import tightest_block
from sim.kernel.jit import entry


@entry
def asked(free, wide, narrow, parts, need):
    """Ask the kernel, which has no door for Python of its own."""
    return tightest_block(free, wide, narrow, parts, need)


def chosen(free, wide, narrow, parts, need):
    """Return the first base block of the block that Slurm's loop over blocks ends with; -1."""
    lower = [sum(free[k : k + narrow]) for k in range(0, len(free), narrow)]
    best, least = -1, 0
    for block in range(-(-len(free) // wide)):
        each = wide // narrow  # whole numbers: what is left over is not looked at
        mine = sorted(lower[block * each :][:each], reverse=True)
        total = sum(free[block * wide : (block + 1) * wide])
        room = total if wide == narrow * parts else sum(mine[:parts])
        if room >= need and (best < 0 or total <= least):
            best, least = block * wide, total
    return best


@pytest.mark.parametrize("bases", [3, 4, 5, 7, 8])
def test_the_tightest_block_is_the_one_of_the_loop(bases):
    rng = np.random.default_rng(bases)
    levels = [1, 2, 4, 8]
    for _ in range(300):
        free = rng.integers(0, 5, bases)
        level = int(rng.integers(0, len(levels)))
        narrow = levels[max(level - 1, 0)]
        wide = levels[level] if rng.random() < 0.7 else bases
        need = int(rng.integers(1, 4 * bases + 1))
        parts = -(-need // (4 * narrow))
        wanted = chosen(free.tolist(), wide, narrow, parts, need)
        assert asked(free, wide, narrow, parts, need) == wanted


def test_a_gang_that_needs_the_block_left_over_finds_no_room():
    """Five base blocks of 4, BlockSizes 4,8: 17 nodes need three pairs, of which two are looked at."""
    free = np.full(5, 4)
    assert asked(free, 5, 2, 3, 17) == -1
    assert asked(free, 5, 2, 2, 16) == 0
