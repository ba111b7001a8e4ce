"""Each formula is what counting the algorithm's own messages gives."""

import math

import numpy as np
import pytest

from sim.physics import collective as c

S, B, ALPHA = 6.0e9, 50e9, 3e-6


def ring(n):
    """Reduce and gather n parts round a ring, really; return (rounds, parts sent by each)."""
    held = np.arange(n * n, dtype=float).reshape(n, n) + 1.0
    wanted, rounds, sent = held.sum(axis=0), 0, np.zeros(n)
    for gathering in (False, True):
        for step in range(n - 1):
            part = (np.arange(n) - step + gathering) % n
            moved = held[np.arange(n), part]
            to = (np.arange(n) + 1) % n
            if gathering:
                held[to, part] = moved
            else:
                held[to, part] += moved
            rounds, sent = rounds + 1, sent + 1
    assert (held == wanted).all()
    return rounds, sent


@pytest.mark.parametrize("n", [2, 3, 8])
def test_a_ring_takes_its_rounds_of_a_part_each(n):
    rounds, sent = ring(n)
    assert c.ring_all_reduce_s(S, n, B, ALPHA) == pytest.approx(
        rounds * ALPHA + sent.max() * S / n / B
    )
    assert c.ring_gather_s(S, n, B, ALPHA) == pytest.approx(
        (rounds * ALPHA + sent.max() * S / n / B) / 2
    )


def heap_load(n, shift=0):
    """Return what each rank of a binary tree (in a heap's order, turned) sends up and down."""
    sent = np.zeros(n)
    for i in range(1, n):
        sent[(i + shift) % n] += 1  # up
        sent[((i - 1) // 2 + shift) % n] += 1  # down
    return sent


@pytest.mark.parametrize("n", [2, 3, 7, 15])
def test_one_tree_is_as_slow_as_a_rank_with_two_children(n):
    assert c.tree_all_reduce_s(S, n, B) == pytest.approx(heap_load(n).max() * S / B)
    deep = math.ceil(math.log2(n))
    assert c.tree_all_reduce_s(0.0, n, B, ALPHA) == pytest.approx(2 * deep * ALPHA)


def inorder(n):
    """Return the parent of each rank of the tree in order (odd ranks inside), -1 for the root."""
    parent = np.full(n, -1)

    def build(low, high, above):
        if low > high:
            return
        size = high - low + 1
        root = low + 2 ** (size.bit_length() - 1) - 1
        parent[root] = above
        build(low, root - 1, root)
        build(root + 1, high, root)

    build(0, n - 1, -1)
    return parent


@pytest.mark.parametrize("n", [8, 16, 64])
def test_two_trees_that_swap_leaves_send_twice_the_buffer(n):
    first = inorder(n)
    shifted = (np.arange(n) + 1) % n
    second = np.full(n, -1)
    second[shifted] = np.where(first >= 0, (first + 1) % n, -1)
    sent = np.zeros(n)
    for parent in (first, second):
        for rank in np.flatnonzero(parent >= 0):
            sent[rank] += 0.5
            sent[parent[rank]] += 0.5
    assert sent.max() == c.double_tree_load(n) == 2.0
    assert c.double_tree_all_reduce_s(S, n, B, ALPHA) == pytest.approx(
        2 * math.log2(n) * ALPHA + sent.max() * S / B
    )


def test_two_and_three_ranks_of_two_trees_send_less():
    assert c.double_tree_load([1, 2, 3]).tolist() == [0.0, 1.0, 1.5]


def test_a_hierarchy_of_one_node_or_of_nodes_of_one_is_a_ring():
    ring_s = c.ring_all_reduce_s(S, 8, B, ALPHA)
    assert c.hierarchical_all_reduce_s(S, 8, 1, B, 1.0, ALPHA, 1.0) == pytest.approx(ring_s)
    assert c.hierarchical_all_reduce_s(S, 1, 8, 1.0, B, 1.0, ALPHA) == pytest.approx(ring_s)


def test_stages_in_a_pipeline_take_the_slowest_and_in_a_row_the_sum():
    inside, rails = c.ring_all_reduce_s(S, 8, 450e9), c.ring_all_reduce_s(S / 8, 16, 50e9)
    one = c.hierarchical_all_reduce_s(S, 8, 16, 450e9, 50e9)
    two = c.hierarchical_all_reduce_s(S, 8, 16, 450e9, 50e9, pipelined=False)
    assert one == pytest.approx(max(inside, rails))
    assert two == pytest.approx(inside + rails)


@pytest.mark.parametrize(("g", "nodes"), [(4, 3), (8, 1), (1, 5)])
def test_an_all_to_all_is_as_slow_as_its_fullest_wire(g, nodes):
    n = g * nodes
    part = S / n
    rail, inside = np.zeros(n), np.zeros(n)
    for a in range(n):
        for b in range(n):
            if a // g != b // g:
                forward = a // g * g + b % g  # to the GPU on the other's rail first
                rail[forward] += part
                inside[a] += part * (forward != a)
            elif a != b:
                inside[a] += part
    taken = max(rail.max() / 50e9, inside.max() / 450e9) + (n - 1) * ALPHA
    assert c.all_to_all_s(S, g, nodes, 450e9, 50e9, ALPHA) == pytest.approx(taken)
    plain = c.all_to_all_s(S, g, nodes, 50e9, 50e9, forwarded=False)
    assert plain == pytest.approx(max((n - g) * part, (g - 1) * part) / 50e9)


def test_switches_that_reduce_pass_the_buffer_once():
    n = 1024
    assert c.in_network_all_reduce_s(S, n, B) == pytest.approx(S / B)
    factor = c.ring_all_reduce_s(S, n, B) / c.in_network_all_reduce_s(S, n, B)
    assert factor == pytest.approx(2 * (n - 1) / n)


@pytest.mark.parametrize(
    "alone",
    [c.ring_all_reduce_s, c.ring_gather_s, c.tree_all_reduce_s, c.double_tree_all_reduce_s,
     c.in_network_all_reduce_s, c.broadcast_s],
)  # fmt: skip
def test_one_rank_has_nobody_to_talk_to(alone):
    assert alone(S, 1, B, ALPHA) == 0.0


def test_arrays_are_answered_one_by_one():
    sizes, ranks = np.array([1e6, 1e9, 1e9]), np.array([8, 8, 64])
    both = c.ring_all_reduce_s(sizes, ranks, B, ALPHA)
    assert both.tolist() == [
        float(c.ring_all_reduce_s(s, n, B, ALPHA)) for s, n in zip(sizes, ranks, strict=True)
    ]


def test_bus_bandwidth_of_what_is_bound_by_wires_is_the_wire():
    for name, time_s in (
        ("all_reduce", c.ring_all_reduce_s(S, 16, B)),
        ("all_gather", c.ring_gather_s(S, 16, B)),
        ("reduce_scatter", c.ring_gather_s(S, 16, B)),
        ("all_to_all", c.all_to_all_s(S, 1, 16, 1.0, B, forwarded=False)),
        ("broadcast", c.broadcast_s(S, 16, B)),
        ("send", c.broadcast_s(S, 2, B)),
    ):
        assert c.bus_Bps(name, S, 16, time_s) == pytest.approx(B), name
