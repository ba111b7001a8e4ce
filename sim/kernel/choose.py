"""Which devices of a node a chunk takes, once the node is found."""

from __future__ import annotations

from sim.kernel.devices import drawn, shares, tightest
from sim.kernel.jit import forked, jit
from sim.kernel.slices import place_slices, sliced
from sim.kernel.terms import fragment
from sim.state.handle import State


@jit
def best_device(s: State, job: int, node: int) -> tuple[int, int]:
    """Return the device with room on which a share scores best, and the score; first of equals.

    Devices with as much free are alike.
    """
    free, milli = s.devices.free_milli, s.jobs.milli[job]
    best, most = -1, -1
    for d in range(s.nodes.gpus[node]):
        again = free[node, d] < milli
        for e in range(d):
            again = again or free[node, e] == free[node, d]
        if not again:
            found = fragment(s, job, node, 1, 1 << d)
            if found > most:
                best, most = d, found
    return best, most


@jit
def no_choice(s: State, job: int, node: int, gpus: int, row: int) -> int:
    """Return no devices: they are only counted."""
    return 0


@jit
def choose_devices(s: State, job: int, node: int, gpus: int, row: int) -> int:
    """Return which devices a chunk takes on a node that has room for it, as bits."""
    milli = s.jobs.milli[job]
    if shares(s, job):
        if s.jobs.draw[job] >= 0.0:
            return drawn(s, job, node, gpus)
        if s.score.tries and gpus == 1:
            device, _ = best_device(s, job, node)
            return 1 << device
    return tightest(s, node, milli, gpus)


@jit
def choose_either(s: State, job: int, node: int, gpus: int, row: int) -> int:
    """Return which devices a chunk takes; its instances go into its row of the ledger."""
    s.ledger.slices[row] = 0
    if sliced(s, job):
        return place_slices(s, job, node, gpus, row)
    return choose_devices(s, job, node, gpus, row)


choose = forked(no_choice, forked(choose_devices, choose_either, "slices"))
"""(s, job, node, gpus, row): which devices a chunk takes on a node with room for it, as bits."""
