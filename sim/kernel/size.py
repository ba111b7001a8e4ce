"""Jobs that are admitted to a quota at a smaller size than they ask for."""

from __future__ import annotations

from sim.kernel.jit import jit
from sim.state.handle import State
from sim.state.words import Cause

SIZE = int(Cause.SIZE)


@jit
def told_size(s: State, job: int, gpus: int) -> None:
    """Let a job be of another size from now on; its cores and memory follow."""
    jobs = s.jobs
    if jobs.gpus[job] != gpus:
        jobs.mcpu[job] = jobs.mcpu[job] // jobs.gpus[job] * gpus
        jobs.mem_bytes[job] = jobs.mem_bytes[job] // jobs.gpus[job] * gpus
        jobs.gpus[job] = gpus


@jit
def form_of(s: State, job: int) -> int:
    """Return the form of a job at the size that it asks for."""
    form = s.quota.form[job]
    return int(s.sizes.whole[form]) if s.sizes.whole.size > 0 else int(form)


@jit
def speed_at(s: State, job: int, gpus: int) -> float:
    """Return how fast a job goes on so many GPUs, relative to the size its work is told for.

    Where its row tells no share of work that GPUs speed up, in proportion to them, as a job that
    has as much to do with fewer pods; else by Amdahl's law.
    """
    share, told = s.elastic.parallel_share[job], s.elastic.told[job]
    if not share >= 0.0:
        return gpus / told
    return float((1.0 - share + share / told) / (1.0 - share + share / gpus))


@jit
def take_size(s: State, job: int, form: int) -> None:
    """A job is of a smaller size, or of its own, from now on; its walltime follows its speed."""
    if form == s.quota.form[job] and s.jobs.gpus[job] == s.sizes.gpus[form]:
        return
    gpus = s.sizes.gpus[form]
    s.quota.form[job] = form
    told_size(s, job, gpus)
    speed = speed_at(s, job, gpus)
    s.paces.factor[SIZE, job] = speed
    s.jobs.walltime_s[job] = s.elastic.walltime_s[job] / speed
