"""What is sent over the fabric by no job: a sender that another sets anew now and then.

Compiled apart, for runs that have it.
"""

from __future__ import annotations

import numpy as np

from sim.kernel.jit import entry
from sim.kernel.links import ask, leave, use
from sim.kernel.steps import mate, part_sent
from sim.state.columns import AWAITED
from sim.state.handle import State


@entry
def transfer(
    s: State, job: int, links: np.ndarray, use_Bps: np.ndarray, duty: float, now_s: float
) -> None:
    """Let be sent over these links, (k,), so much of each at full speed, for `duty` of the time.

    Under the number of a job that writes nothing itself, whom it does not slow. There must be room
    for k entries. What it gets is settled at the end of the instant; whoever listens hears of it.
    """
    f, sender = s.fabric, mate(s, job)
    leave(s, sender, now_s)
    f.counted_s[sender] = now_s
    if not f.spans[sender]:
        f.share[sender] = 1.0
    f.spans[sender] = links.size > 0
    f.duty[sender], f.overlap[sender], f.top[sender] = duty, 1.0, 1.0
    f.part[sender] = part_sent(s, sender)
    for k in range(links.size):
        use(s, sender, links[k], use_Bps[k])
    ask(s, sender)
    s.face.n[AWAITED] = 1
