"""GPUs shared out among jobs: who is let in, level by level, or where each is worth most."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim.policies.elastic.base import F8, I8, ElasticView


def admitted(jobs: ElasticView, gpus: int) -> tuple[np.ndarray, I8]:
    """Return how many of the jobs, from the first, `gpus` suffice for at their least, and these.

    Those that run are let in, and those that wait up to the first for which there is no room.
    """
    least = np.where(jobs.running & (jobs.least == jobs.most), jobs.gpus, jobs.least)
    let_in = np.cumsum(least) <= gpus
    return let_in | jobs.running, least


def level(least: I8, most: I8, gpus: int) -> I8:
    """Return max-min fair whole shares, (k,): all alike but where a least or a most holds them.

    What does not divide goes to the first, one each. The leasts must not exceed `gpus` together.
    """
    low, high = 0, int(most.max(initial=0))
    while low < high:  # the greatest level that all can have
        middle = (low + high + 1) // 2
        if int(np.clip(middle, least, most).sum()) <= gpus:
            low = middle
        else:
            high = middle - 1
    made = np.clip(low, least, most)
    more = np.flatnonzero((made == low) & (made < most))[: gpus - int(made.sum())]
    made[more] += 1
    return made


def reached(gain: F8, row: I8, step: I8, climbs: I8) -> None:
    """Lower the gain of a GPU behind one worth less: it is had only through that one."""
    bent = np.zeros(int(row[-1]) + 1, np.bool_)
    bent[climbs] = True
    some = np.flatnonzero(bent[row])
    place = (np.cumsum(bent) - 1)[row[some]], step[some]
    table = np.full((int(bent.sum()), int(step.max()) + 1), np.inf)
    table[place] = gain[some]
    gain[some] = np.minimum.accumulate(table, axis=1)[place]


def greedy(
    least: I8, most: I8, gpus: int, worth: Callable[[np.ndarray, I8], F8], held: I8, factor: float
) -> I8:
    """Return sizes, (k,): from the leasts up, each GPU to the job to which it is worth most.

    `worth(row, size)` is what a size is worth to a job; a GPU's is the difference it makes. One of
    the first `held` counts `factor` times. None goes where it is worth nothing; ties go to the
    first. With curves that bend down it is the best sharing there is.

    Source: Fox, Discrete Optimization via Marginal Analysis, Management Science 1966.
    """
    room = gpus - int(least.sum())
    many = np.minimum(most, least + max(room, 0)) - least
    if not many.any():
        return least.copy()
    ends = np.cumsum(many + 1)
    row = np.repeat(np.arange(len(least)), many + 1)
    size = (least - ends + many + 1)[row] + np.arange(len(row))
    value = worth(row, size)
    steps = np.flatnonzero(size > least[row])
    row, size, gain = row[steps], size[steps], value[steps] - value[steps - 1]
    if len(gain) <= room and gain.min() > 0.0:
        return least + many
    if factor > 1.0:
        gain = np.where(size <= held[row], gain * factor, gain)
    climbs = row[1:][(gain[1:] > gain[:-1]) & (row[1:] == row[:-1])]
    if climbs.size:
        reached(gain, row, size - least[row] - 1, climbs)
    taken = gain > 0.0
    if taken.sum() > room:
        least_gain = np.partition(gain, len(gain) - room)[len(gain) - room] if room > 0 else np.inf
        taken = gain > least_gain
        alike = np.flatnonzero(gain == least_gain)[: room - int(taken.sum())]
        taken[alike] = True
    return least + np.bincount(row[taken], minlength=len(least))
