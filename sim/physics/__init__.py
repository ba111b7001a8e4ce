"""Formulas: what a collective, a step, a queue and a shared link take.

Enters: arrays of sizes, counts, bandwidths, rates.   Leaves: arrays of seconds or shares.
May import: the ground, NumPy.   Must not know: State, kernels, policies, fabrics as graphs.
To add one: a pure function with its formula, Source and Neglects; its law in tests/physics.
Begin with: queueing.py (how many replicas; of two pools apart.py), step_time.py (one step of a
language model), collective.py (one message), training.py (one step of training),
duty.py (many jobs on links).
"""
