"""Strategies: one policy, one small file, one class, one method.

Enters: columns.   Leaves: one array, or a few numbers.
May import: state and the ground.   Must not know: SimPy, numba, the kernels, each other.
To add one: see the card of its group: queue, backfill, placement.
Begin with: queue/fifo.py.
"""
