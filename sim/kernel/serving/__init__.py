"""Serving: continuous batching with runs of equal steps taken in one go.

Enters: a Service (sim/state/serving.py) and an instant.   Leaves: the same Service, taken there.
May import: jit, state.   Must not know: the other kernels, policies, engine, SimPy.
To add a routing rule: a number in sim/state/serving.py, a branch in life.route, its plain twin.
Begin with: advance.py; then batch.py, what a replica does next, and step.py, how long it takes;
ranked.py, the same by priority; door.py, who finds room for whom nobody waits for.
"""
