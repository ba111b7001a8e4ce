"""How much each tenant has used, where the queue policy asks for it."""

from __future__ import annotations

import math

from sim.kernel.jit import jit
from sim.state.columns import WHOLE
from sim.state.handle import State

LN2 = math.log(2.0)


@jit
def use(s: State, job: int, sign: int, now_s: float) -> None:
    """A tenant's job begins (+1) or ends (-1) to hold its GPUs; bring its use up to now.

    Use is GPU time, of which half is forgotten in each half-life: exactly, between two changes.
    """
    usage, tenant = s.usage, s.jobs.tenant[job]
    for_s = now_s - usage.asof_s[tenant]
    if usage.half_life_s == math.inf:
        usage.gpu_s[tenant] += usage.gpus[tenant] * for_s
    else:
        kept = math.exp(-LN2 * for_s / usage.half_life_s)
        new = usage.gpus[tenant] * usage.half_life_s / LN2 * (1.0 - kept)
        usage.gpu_s[tenant] = usage.gpu_s[tenant] * kept + new
    usage.asof_s[tenant] = now_s
    usage.gpus[tenant] += sign * s.jobs.gpus[job] * s.jobs.milli[job] / WHOLE
