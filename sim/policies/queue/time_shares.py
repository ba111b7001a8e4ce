"""Rounds that bring each job its share of the time on each kind of node."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import numpy as np

from sim.errors import ScenarioError
from sim.policies.queue.base import F8, NONE, AbstractQueuePolicy, Deal, JobView
from sim.policies.queue.greedy import deal_kinds, turns
from sim.policies.queue.wants import Wants, kept


@dataclass(frozen=True)
class AbstractTimeShares(AbstractQueuePolicy):
    """Gavel's rounds: target shares of time, and who has had least of its target goes first.

    In each round the kinds of node are dealt one after the other: to jobs in order of target share
    over time received, as long as GPUs last; wide jobs are placed first, who stays on a kind stays
    on its nodes. Targets are made anew when a job has come or gone, but not within `reset_s` of the
    last time, unless nobody of then is left; who comes between waits. Without `by_speed` all kinds
    count as equally fast, and are dealt in turn. A round lasts `round_s`, but for preemption's own.

    Source: Narayanan et al., OSDI 2020, 5 and 6, and the authors' simulator.
    Neglects: two jobs on one GPU; time that a failure cut short counts in full.
    """

    by_speed: bool = True
    reset_s: float = 1920.0
    round_s: float = 360.0
    deals = True
    refresh_s = 0.0  # asked in each round
    window_s = np.inf  # targets last so long, whoever comes and goes

    def __post_init__(self) -> None:
        """Refuse a time below 0."""
        if not self.reset_s >= 0.0:
            raise ScenarioError([f"queue.reset_s: is {self.reset_s!r}; must be a time >= 0"])

    @abc.abstractmethod
    def target(self, wants: Wants) -> F8:
        """Return the share of the time that each job is to have on each kind, (k, kinds)."""

    def rank(self, wants: Wants) -> F8:
        """Return a number for each, (k,), that `first` is to see in the rounds to come."""
        return np.zeros(len(wants.gpus))

    def first(self, target: F8, got_s: F8, rank: F8, round_s: float) -> F8:
        """Return who goes first on each kind, (k, kinds), greatest first; `rank` is (k, 1)."""
        return target / (got_s + 0.5 * round_s)

    def remembers(self, kinds: int) -> int:
        """Return how many numbers a job are kept: see `deal`."""
        return 11 + 3 * kinds

    def key(self, jobs: JobView, now_s: float | F8) -> F8:
        """Return that all are alike, until kinds are dealt."""
        return np.zeros(len(jobs.gpus))

    def deal(self, jobs: JobView, now_s: float) -> Deal:
        """Return the kind for each in this round, wide jobs first."""
        notes = jobs.notes
        common, own = notes[:, :5], notes[:, 5:11]  # alike for all of one reset; each job's own
        target, got_s, owed_s = np.split(notes[:, 11:], 3, axis=1)  # views: (k, kinds) each
        known = ~np.isnan(target[:, 0])
        last = common[known.argmax()] if known.any() else np.zeros(5)
        mates, there, reset_s, asked_s, rounds = last.tolist()
        here = np.flatnonzero(known & jobs.running & (jobs.kind >= 0))
        got_s[here, jobs.kind[here]] += now_s - asked_s
        changed = known.sum() != mates or jobs.kind_gpus.sum() != there or not known.all()
        since_s, gone = now_s - reset_s, not known.any()
        anew = gone or reset_s == 0.0  # the authors' clock does not count instant 0
        if since_s >= self.window_s or (changed and (anew or since_s >= self.reset_s)):
            owed_s[known] += target[known] * since_s - got_s[known]
            had = target.copy()
            target[:], got_s[:], owed_s[~known] = 0.0, 0.0, 0.0
            able = (jobs.speed > 0.0).any(axis=1) & (jobs.gpus > 0)
            if able.any():
                before = own[able, :5], had[able], since_s
                wants = Wants.of(jobs.only(able), now_s, *before, self.by_speed)
                target[able] = self.target(wants)
                own[able, :5], own[able, 5] = kept(wants), self.rank(wants)
            known[:], common[:, :3] = True, (len(known), jobs.kind_gpus.sum(), now_s)
        common[known, 3:] = now_s, rounds + 1.0
        order = turns(target.shape[1], 0 if self.by_speed else int(rounds))
        first = self.first(target, got_s, own[:, 5:], jobs.round_s)
        kind = deal_kinds(jobs, first, owed_s, known, order)
        return Deal(np.where(kind == NONE, 1.0, -jobs.gpus), kind, notes)
