"""Asks the elastic policy for the jobs' sizes, and lets them have these."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim import kernel, table
from sim.engine import Clock
from sim.errors import ScenarioError
from sim.policies.elastic import AbstractElastic, ElasticView
from sim.state import State
from sim.state.build import pass_rows
from sim.state.columns import DIRTY


class Sizing:
    """Makes a pass where jobs are sized, asking the policy first if it is time to.

    At one instant: who is to have less gives back; the pass, waiting jobs at their new sizes; then
    who is to have more takes what is left. Where nothing runs it is asked at the next pass.
    """

    def __init__(self, policy: AbstractElastic) -> None:
        self.policy = policy
        self._due_s, self._last_s, self._rows = 0.0, -1.0, 0
        self._aside = np.zeros(0, np.int64)  # held back until asked again

    def __call__(self, clock: Clock) -> None:
        """Make the pass that is due now."""
        now_s, every_s = float(clock.now), self.policy.refresh_s
        state = clock.state
        if state.face.n[DIRTY] == 0 or now_s < self._due_s or now_s == self._last_s:
            if state.queue.n[2] > 0:
                self.start(state, now_s)
            else:
                self._pass(state, now_s)
            return
        rows = self._rows = self._rows or 4 * pass_rows(state)
        if state.ledger.n[0] + rows > state.ledger.job.size:  # all may shrink, start and grow
            clock.grow(8 * rows)
            state = clock.state
        self._last_s = now_s
        self._due_s = (np.floor(now_s / every_s) + 1) * every_s if every_s > 0.0 else now_s
        self.resize(state, now_s)
        if state.running.n[2] == 0 and not self._aside.size:
            self._due_s = 0.0  # time alone changes nothing

    def _pass(self, state: State, now_s: float) -> None:
        due_s = self._due_s if self._due_s > now_s else np.inf
        kernel.pass_sized(state, now_s, due_s, self._aside.size > 0)

    def start(self, state: State, now_s: float) -> None:
        """Let waiting jobs start, those held back apart; one more pass comes when it is time."""
        aside = kernel.set_aside(state, self._aside) if self._aside.size else self._aside
        if state.face.n[DIRTY] == 1 and state.queue.n[2] > 0:
            fewer = kernel.front(state, now_s)
            if fewer.size:
                view = ElasticView(state, fewer, now_s, self.policy.speedup)
                kernel.repace(state, fewer, view.speed(view.gpus), 0.0, now_s)
        self._pass(state, now_s)
        if aside.size:
            kernel.let_go(state, aside)

    def resize(self, state: State, now_s: float) -> None:
        """Let the jobs have the sizes that the policy answers, with the pass in between."""
        rows = kernel.present(state)
        view = ElasticView(state, rows, now_s, self.policy.speedup)
        runs, have, cost_s = view.running, view.gpus, self.policy.cost_s
        gpus = int(state.kinds.free.sum()) + int(have[runs].sum())
        want = answer(self.policy, view, gpus, now_s) if rows.size else have
        self._aside = rows[want == 0]
        less = np.flatnonzero(np.where(runs, want < have, want != have))
        if less.size:
            kernel.hold_back(state, rows[less], want[less], now_s)
            less = less[want[less] > 0]
            kernel.repace(state, rows[less], view.speed(want[less], less), cost_s, now_s)
        self.start(state, now_s)
        more = np.flatnonzero(runs & (want > have))
        if more.size:
            kernel.grow(state, rows[more], want[more], now_s)
            got = state.jobs.gpus[rows]
            more = more[got[more] > have[more]]
            kernel.repace(state, rows[more], view.speed(got[more], more), cost_s, now_s)


def answer(policy: AbstractElastic, view: ElasticView, gpus: int, now_s: float) -> np.ndarray:
    """Return the sizes that the policy wants, (k,), those of running rigid jobs as they are."""
    given = np.asarray(policy.sizes(view, gpus, now_s))
    if given.shape == view.gpus.shape and given.dtype.kind in "iu":
        want = np.where(view.running & (view.least == view.most), view.gpus, given)
        if ((want == 0) | ((want >= view.least) & (want <= view.most))).all():
            return want.astype(np.int64)
    raise ScenarioError([
        f"elastic: {policy!r} must give one whole number of GPUs a job, {view.gpus.shape}, from "
        "its least to its most, or 0 for one that waits"
    ])  # fmt: skip


def unused(policy: AbstractElastic, jobs: Any, partial: bool = False) -> list[str]:
    """Return notes on columns that nothing acts on; `partial`: a quota acts on min_gpus."""
    names = [n for n in ("min_gpus", "max_gpus", "parallel_share") if n in jobs.column_names]
    if partial and "min_gpus" in names:
        names = [n for n in names if n == "max_gpus"]
    acts = policy.refresh_s < np.inf
    if not {"min_gpus", "max_gpus"} & set(names) and acts:
        return ["no job says min_gpus or max_gpus: elastic resizes nobody; see workload.elastic"]
    if not names:
        return []
    if not acts:
        told = "kept, not acted on: each job runs on its gpus, no more and no fewer"
        return [f"{', '.join(names)} {told}; see `elastic`"]
    gpus, nodes, each, least, most = (
        table.to_numpy(jobs, name)
        for name in ("gpus", "nodes", "gpus_per_node", "min_gpus", "max_gpus")
    )
    elastic = np.where(np.isnan(least), gpus, least) < np.where(np.isnan(most), gpus, most)
    many = int((elastic & ~(np.isnan(nodes) & np.isnan(each))).sum())
    told = f"nodes, gpus_per_node not acted on: {many} elastic jobs have no shape"
    return [told] if many else []
