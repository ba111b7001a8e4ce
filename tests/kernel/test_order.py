"""The sorted blocks are a sorted list, and the agenda a heap, under any use."""

import bisect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.kernel import agenda as heap
from sim.kernel import order as kernel
from sim.state.build import order_of
from sim.state.columns import BLOCK


def rows(order):
    """Return the jobs in order, read in plain Python."""
    out = []
    for place in range(order.n[0]):
        block = order.line[place]
        out += order.job[block, : order.size[block]].tolist()
    return out


def plain(function):
    """Return the Python function under the compiler."""
    return getattr(function, "py_func", function)


@pytest.mark.parametrize("spread", [1, 50, 10**9])
def test_thousands_of_inserts_and_removes(spread, monkeypatch):
    for name in ("before", "block_of", "slot_of", "open_block", "close_block", "make_room", "refill",
                 "rows", "insert", "drop", "remove"):  # fmt: skip
        monkeypatch.setattr(kernel, name, plain(getattr(kernel, name)))
    rng, n = np.random.default_rng(spread), 3 * BLOCK
    key = rng.integers(0, spread, n).astype(float)
    order, truth, inside = order_of(n), [], set()
    for _ in range(4 * n):
        job = int(rng.integers(0, n))
        if job in inside:
            kernel.remove(order, key, job)
            truth.remove((key[job], job))
            inside.discard(job)
        else:
            kernel.insert(order, key, job)
            bisect.insort(truth, (key[job], job))
            inside.add(job)
    assert rows(order) == [job for _, job in truth]
    assert order.n[2] == len(truth)


def test_a_growing_queue_fills_its_blocks(monkeypatch):
    for name in ("before", "block_of", "slot_of", "open_block", "make_room", "insert"):
        monkeypatch.setattr(kernel, name, plain(getattr(kernel, name)))
    n = 4 * BLOCK
    key, order = np.arange(n, dtype=float), order_of(n)
    for job in range(n):
        kernel.insert(order, key, job)
    assert rows(order) == list(range(n))
    assert order.n[0] == 4


def test_blocks_that_run_out_are_closed_up(monkeypatch):
    for name in ("before", "block_of", "slot_of", "open_block", "close_block", "make_room", "refill",
                 "rows", "insert", "drop", "remove"):  # fmt: skip
        monkeypatch.setattr(kernel, name, plain(getattr(kernel, name)))
    n = 3 * BLOCK
    key, order = np.arange(n, dtype=float), order_of(n)
    order.n[1] = 3  # as if only three blocks were left
    for job in range(n):
        kernel.insert(order, key, job)
    for job in range(n):
        if job % BLOCK > 2 and job // BLOCK < 2:
            kernel.remove(order, key, job)
    left = rows(order)
    again = [job for job in range(n) if job not in set(left)][: BLOCK // 2]
    for job in again:
        kernel.insert(order, key, job)
    assert rows(order) == sorted(left + again)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), max_size=60))
def test_the_agenda_gives_the_earliest_and_of_those_the_lowest_row(pairs):
    from sim.state.columns import Agenda

    made = Agenda(
        np.zeros(64), np.zeros(64, np.int64), np.zeros(64, np.int64), np.zeros(1, np.int64)
    )
    for time_s, job in pairs:
        plain(heap.push)(made, float(time_s), job, 0)
    out = []
    while made.size[0] > 0:
        out.append((int(made.time_s[0]), int(made.job[0])))
        plain(heap.pop)(made)
    assert out == sorted(pairs)
