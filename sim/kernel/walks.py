"""The links of one flow over fabrics whose paths are arithmetic: each a line of `Paths.path`.

As `topologies.routes` has them in arrays for many flows at once, draw by draw. Of a flow's path
only links that jobs share are told, so not those of its ends' own NICs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.kernel.jit import jit
from sim.state.paths import DRAGONFLY, HYPERX, TIERS, Paths

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
ONE, TWO = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
S27, S30, S31, FIRST_BIT = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(1)


@jit
def mixed(src: int, dst: int, lane: int, salt: int) -> Any:
    """Return a hash of a flow, uniform over 64 bits.

    Source: the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), over the packed flow.
    """
    z = np.uint64((src << 32) ^ (lane << 24) ^ dst) + np.uint64(salt + 1) * GOLDEN
    z = (z ^ (z >> S30)) * ONE
    z = (z ^ (z >> S27)) * TWO
    return z ^ (z >> S31)


@jit
def between(p: Paths, here: int, there: int) -> int:
    """Return the directed link from a vertex to its neighbour: linear probing in a hash table."""
    key, last = here * p.number[0] + there, p.key.size - 1
    slot = np.int64((np.uint64(key) * GOLDEN) >> np.uint64(p.shift[0]))
    while p.key[slot] != key:
        slot = (slot + 1) & last
    return p.at[slot]


@jit
def tiers_over(p: Paths, src: int, dst: int, lane: int, one_up: int, two_up: int) -> int:
    """Put the links up and down tiers, over these cables of leaf and spine, into `path`.

    Return how many.
    number: nodes, of a leaf, units, spines, cores, cables up of a leaf, of a spine, leaves, parts.
    table: the part of each lane.
    """
    nodes, each, units, spines, cores = p.number[:5]
    leaf_up, spine_up, leaves, parts = p.number[5:9]
    a, b = src // each, dst // each
    if a == b:
        return 0
    leaf = a * p.lanes + lane
    spine = (leaf * leaf_up + one_up) % spines
    base = nodes * p.lanes
    p.path[0] = 2 * (base + leaf * spines + spine)
    down = 2 * (base + (b * p.lanes + lane) * spines + spine) + 1
    if a // units == b // units:
        p.path[1] = down
        return 2
    base += leaves * spines
    one = (a // units * parts + p.table[lane]) * spines + spine
    two = (b // units * parts + p.table[lane]) * spines + spine
    core = (a // units * spine_up + two_up) % cores
    p.path[1] = 2 * (base + one * cores + core)
    p.path[2] = 2 * (base + two * cores + core) + 1
    p.path[3] = down
    return 4


@jit
def tiers(p: Paths, src: int, dst: int, lane: int, bits: int) -> int:
    """Put the links up and down tiers of switches into `path`, as drawn; return how many."""
    drawn = np.uint64(bits)  # who calls hands integers on as signed
    leaf_up, spine_up = np.uint64(p.number[5]), np.uint64(p.number[6])
    one_up, two_up = drawn % leaf_up, drawn // leaf_up % spine_up
    return int(tiers_over(p, src, dst, lane, int(np.int64(one_up)), int(np.int64(two_up))))


@jit
def leap(p: Paths, here: int, there: int, drawn: int, k: int) -> int:
    """Put the links of a minimal path between leaves of a dragonfly+ at place k on; return the end.

    number: vertices, first leaf, leaves of a group, groups, parallel links, nodes of a leaf.
    """
    if here == there:
        return k
    first, half, groups, parallel = p.number[1:5]
    x, y = (here - first) // half, (there - first) // half
    spines = first + groups * half
    if x == y:
        one = two = spines + x * half + drawn % half
    else:
        cable = drawn % parallel
        one = spines + x * half + ((y - x - 1) % groups * parallel + cable) // half
        two = spines + y * half + ((x - y - 1) % groups * parallel + cable) // half
    p.path[k] = between(p, here, one)
    k += 1
    if one != two:
        p.path[k] = between(p, one, two)
        k += 1
    p.path[k] = between(p, two, there)
    return k + 1


@jit
def dragonfly(p: Paths, src: int, dst: int, drawn: int, valiant: bool) -> int:
    """Put the links from leaf to leaf into `path`, maybe over one drawn; return how many."""
    first, half, groups = p.number[1:4]
    here, there = first + src // half, first + dst // half
    if not valiant:
        return leap(p, here, there, drawn, 0)
    over = first + drawn // 64 % (groups * half)
    return leap(p, over, there, drawn // 8, leap(p, here, over, drawn, 0))


@jit
def turn(p: Paths, here: int, there: int, drawn: int, k: int) -> int:
    """Put the links of a minimal path of a HyperX at place k on; return the end.

    One hop a dimension that differs, in an order turned by the draw. number: vertices, first
    switch, nodes of a switch, switches, dimensions, then the size and stride of each.
    """
    first, many = p.number[1], p.number[4]
    now, goal = here - first, there - first
    for i in range(many):
        d = (drawn + i) % many
        size, stride = p.number[5 + 2 * d], p.number[6 + 2 * d]
        step = (goal // stride % size - now // stride % size) * stride
        if step != 0:
            p.path[k] = between(p, first + now, first + now + step)
            now, k = now + step, k + 1
    return k


@jit
def hyperx(p: Paths, src: int, dst: int, drawn: int, valiant: bool) -> int:
    """Put the links from switch to switch into `path`, maybe over one drawn; return how many."""
    first, each, switches = p.number[1:4]
    here, there = first + src // each, first + dst // each
    if not valiant:
        return turn(p, here, there, drawn, 0)
    over = first + drawn // 64 % switches
    return turn(p, over, there, drawn // 8, turn(p, here, over, drawn, 0))


@jit
def round_rings(p: Paths, here: int, there: int, drawn: int, k: int) -> int:
    """Put the links of a path of a torus at place k on; return the end.

    Dimension by dimension, the last first, the shorter way round. number: nodes, dimensions, then
    the size of each and where its part of `table` begins: the links of each ring side by side.
    """
    n, many = p.number[0], p.number[1]
    now, stride = here, 1
    for d in range(many - 1, -1, -1):
        size = p.number[2 + 2 * d]
        high = now // stride
        x, goal = high % size, there // stride % size
        ahead = goal - x
        if ahead < 0:
            ahead += size
        back = 2 * ahead + (drawn & 1) > size
        hops = size - ahead if back else ahead
        line = high // size * stride + now % stride
        first = 2 * n + size - 1 - x if back else x  # 2 n links lead forward
        at = p.number[3 + 2 * d] + line * (2 * size) + first
        for i in range(hops):
            p.path[k + i] = p.table[at + i]
        k += hops
        now += (goal - x) * stride
        drawn, stride = drawn >> 1, stride * size
    return k


@jit
def torus(p: Paths, src: int, dst: int, drawn: int, valiant: bool) -> int:
    """Put the links from node to node into `path`, maybe over one drawn; return how many."""
    if not valiant:
        return round_rings(p, src, dst, drawn, 0)
    over = drawn // 64 % p.number[0]
    return round_rings(p, over, dst, drawn // 8, round_rings(p, src, over, drawn, 0))


@jit
def cabled(p: Paths, k: int, src: int, dst: int, lane: int, salt: int) -> None:
    """Let the hash of a flow and a link draw one of its parallel cables, for k links in `path`."""
    for i in range(k):
        edge, back = p.path[i] >> 1, p.path[i] & 1
        many, cable = p.first[edge + 1] - p.first[edge], 0
        if many > 1:
            chance = mixed(src * 64 + lane, dst, edge, salt)
            cable = int(np.int64(chance % np.uint64(many)))
        p.path[i] = 2 * (p.first[edge] + cable) + back


@jit
def walked(p: Paths, src: int, dst: int, lane: int, salt: int) -> int:
    """Put the links of a flow that jobs share into `path`, in order; return how many there are."""
    if src // p.together == dst // p.together:
        return 0
    draw = mixed(src, dst, lane, salt)
    drawn = int(np.int64(draw >> FIRST_BIT))
    if p.walk == TIERS:
        k = tiers(p, src, dst, lane, draw)
    elif p.walk == DRAGONFLY:
        k = dragonfly(p, src, dst, drawn, p.valiant)
    elif p.walk == HYPERX:
        k = hyperx(p, src, dst, drawn, p.valiant)
    else:
        k = torus(p, src, dst, drawn, p.valiant)
    if p.first.size > 0:
        cabled(p, k, src, dst, lane, salt)
    return k
