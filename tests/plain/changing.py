"""Serving whose replicas come, drain and are lost, step by step in plain Python; whole ticks.

Written anew, not from the kernel: a loop over instants, a list a rank on each replica, one at the
door. What is told at an instant is told before all that happens at it.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from sim.engine.step_time import ticks
from tests.plain.serving import steps_of


@dataclass(eq=False)
class Asked:
    """One request, as it stands."""

    i: int
    prompt: int
    left: int
    rank: int = 0
    done: int = 0  # of its prompt
    turn: int = 0  # when it joined
    context: int = 0
    thrown: int = 0


@dataclass(eq=False)
class Replica:
    """Lists by rank, seats, the step under way: its kind and those whose prompts end with it."""

    x: int
    lines: list
    seats: list = field(default_factory=list)
    step: tuple = ("idle", ())
    due: int | None = None
    open: int = 0
    tokens: int = 0
    waits: int = 0
    accepts: bool = False


class Changing:
    """A service; `advance` takes it up to a tick, that left out."""

    def __init__(self, spec, rules, arrival, prompt, output, draw, rank=None):
        self.spec, (self.decoding, self.mixing) = spec, steps_of(spec.step, rules)
        self.arrival, self.draw = list(arrival), list(draw)
        rank = [0] * len(self.arrival) if rank is None else rank
        self.all = [Asked(i, *row) for i, row in enumerate(zip(prompt, output, rank, strict=True))]
        self.ranks = 1 + max(rank, default=0)
        self.pool = [Replica(x, self.empty()) for x in range(spec.replicas)]
        self.first, self.end, self.where = {}, {}, [-1] * len(self.all)
        self.door, self.back = [], []
        self.joined = self.turns = self.next = self.since = 0

    def empty(self):
        return [[] for _ in range(self.ranks)]

    def taking(self):
        return [r for r in self.pool if r.accepts]

    def outside(self, one):
        return self.spec.door is not None and one.rank == self.spec.door

    # what is told

    def accept(self, x):
        self.pool[x].accepts = True
        self.wake(self.since)

    def drain(self, x):
        self.pool[x].accepts = False

    def lose(self, x):
        """All that was on a replica waits for another, with the tokens it has had."""
        r = self.pool[x]
        for one in r.seats:
            one.prompt = one.context
        all_ = [*r.seats, *(one for line in r.lines for one in line), *r.step[1]]
        for one in all_:
            one.done, one.thrown = 0, one.thrown + 1
        self.pool[x] = Replica(x, self.empty())
        self.back = sorted(
            [*self.back, *(one for one in all_ if not self.outside(one))], key=lambda one: one.i
        )
        for one in filter(self.outside, all_):
            self.to_door(one, self.since)

    # what happens

    def advance(self, until):
        while True:
            taking = self.taking()
            came = None
            if taking and self.back:
                came = self.since
            elif taking and self.next < len(self.all):
                came = max(self.arrival[self.next], self.since)
            due, x = min(((r.due, r.x) for r in self.pool if r.due is not None), default=(until, 0))
            if came is not None and came <= due and came < until:
                if self.back:
                    one = self.back.pop(0)
                else:
                    one, self.next = self.all[self.next], self.next + 1
                self.come(one, came, taking)
            elif due < until:
                self.finish(self.pool[x], due)
            else:
                self.since = until
                return

    def come(self, one, now, taking):
        if self.outside(one):
            self.to_door(one, now)
            return
        r = self.route(one, taking)
        if self.spec.most_open is not None and r.open >= self.spec.most_open:
            self.where[one.i] = -2
            return
        self.where[one.i] = r.x
        r.lines[one.rank].append(one)
        r.open, r.waits, r.tokens = r.open + 1, r.waits + 1, r.tokens + one.prompt + one.left
        r.due = now if r.due is None else r.due

    def route(self, one, taking):
        n, draw = len(taking), self.draw[one.i] if self.draw else 0
        least = {"least_requests": "open", "least_tokens": "tokens", "least_waiting": "waits"}
        if self.spec.route in least:
            return min(taking, key=lambda r: getattr(r, least[self.spec.route]))
        if self.spec.route == "round_robin":
            self.turns += 1
            return taking[(self.turns - 1) % n]
        if self.spec.route == "affinity":
            return taking[draw % n]
        a, b = taking[(draw >> 31) % n], taking[(draw & 0x7FFFFFFF) % n]
        return b if b.open < a.open else a

    def wake(self, now):
        """Let who is idle look at the door."""
        for r in self.taking():
            if self.door and r.due is None:
                r.due = now

    def to_door(self, one, now):
        self.door = sorted([*self.door, one], key=lambda other: other.i)
        self.wake(now)

    def needs(self, one):
        return one.prompt + (1 if self.spec.grow else one.left)

    def held(self, r, of=lambda one: True):
        """Return the tokens of KV memory of those on a replica that are meant."""
        seats = sum(a.context + (0 if self.spec.grow else a.left) for a in r.seats if of(a))
        halves = [a for line in r.lines for a in line if a.done]
        return seats + sum(self.needs(a) for a in [*halves, *r.step[1]] if of(a))

    def throw(self, r, behind, now):
        """Send back the last of the last rank behind one; return if there is anybody."""
        halves = [a for line in r.lines for a in line if a.done]
        last = max((a.rank for a in [*r.seats, *halves]), default=-1)
        if last <= behind:
            return False
        seated = [a for a in r.seats if a.rank == last]
        if seated:
            one = max(seated, key=lambda a: a.turn)
            r.seats.remove(one)
            one.prompt = one.context
        else:
            one = r.lines[last].pop(0)
        one.done, one.thrown = 0, one.thrown + 1
        if self.outside(one):
            self.to_door(one, now)
        else:
            half = bool(r.lines[last]) and r.lines[last][0].done > 0
            r.lines[last].insert(int(half), one)
            r.waits += 1
        return True

    def enters(self, r, one, joins, now):
        """Make room for one if it may, and return if there is."""
        spec, outside = self.spec, self.outside(one)
        seats, cap = spec.batch, spec.kv_tokens
        if outside:
            seats = min(seats, spec.door_seats or seats)
            cap = min(cap, spec.door_kv_tokens or cap)
        while True:
            halves = [a for line in r.lines for a in line if a.done]
            grows = (len(r.seats) + (0 if spec.chunked else len(joins))) * spec.grow
            held = self.held(r) + sum(map(self.needs, joins)) + self.needs(one)
            many = len(r.seats) + len(joins) + len(halves)
            if many < seats and held + max(grows, spec.kv_spare_tokens) <= cap:
                return True
            there = any(map(self.outside, [*r.seats, *halves]))
            if outside or not (spec.displaces or there) or not self.throw(r, one.rank, now):
                return False

    def next_of(self, r, k):
        if r.lines[k]:
            return r.lines[k][0]
        return self.door[0] if k == self.spec.door and self.door and r.accepts else None

    def takes(self, r, one, now):
        """Take one whose prompt begins now."""
        if self.outside(one):
            self.door.remove(one)
            r.lines[one.rank].append(one)
            self.where[one.i] = r.x
            self.wake(now)
        else:
            r.waits -= 1

    def prompts(self, r, now):
        """Return tokens of prompts in the next step, their squares, and whose end with it.

        Behind one without room only those go on whose prompt is half computed.
        """
        spec, joins, many, square, barred = self.spec, [], 0, 0, False
        for k in range(self.ranks):
            while (one := self.next_of(r, k)) is not None:
                if spec.chunked and spec.chunk_tokens - len(r.seats) <= many:
                    break
                if not one.done:
                    barred = (
                        barred or self.beyond(one, joins) or not self.enters(r, one, joins, now)
                    )
                    if barred:
                        break
                    self.takes(r, one, now)
                room = spec.chunk_tokens - len(r.seats) - many if spec.chunked else one.prompt
                part = min(room, one.prompt - one.done)
                many, square = many + part, square + part * (part + 2 * one.done)
                one.done += part
                if one.done == one.prompt:
                    r.lines[k].remove(one)
                    joins.append(one)
        return many, square, joins

    def beyond(self, one, joins):
        """Return whether one more whole prompt is more than a step may have."""
        every = [a.prompt for a in [*joins, one]]
        many = len(every) * max(every) if self.spec.padded else sum(every)
        return not self.spec.chunked and len(every) > 1 and many > self.spec.prompt_tokens

    def begin(self, r, now):
        while self.spec.grow and r.seats and self.held(r) + len(r.seats) > self.spec.kv_tokens:
            self.throw(r, -1, now)
        many, square, joins = self.prompts(r, now)
        d, context = len(r.seats), sum(a.context for a in r.seats)
        if many and self.spec.chunked:
            r.step, r.due = ("mixed", joins), now + self.mixing(many, square, d, context)
        elif many:
            r.step, r.due = ("prompt", joins), now + self.mixing(many, square, 0, 0)
        elif d:
            r.step, r.due = ("decode", []), now + self.decoding(d, context)
        else:
            r.due = None

    def finish(self, r, now):
        (kind, joins), r.step = r.step, ("idle", ())
        for one in r.seats if kind in ("decode", "mixed") else ():
            one.context, one.left = one.context + 1, one.left - 1
        for one in joins:
            self.first.setdefault(one.i, now)
            one.done, one.context, one.left = 0, one.prompt + 1, one.left - 1
            one.turn, self.joined = self.joined, self.joined + 1
        r.seats += joins
        for one in [a for a in r.seats if a.left == 0]:
            r.seats.remove(one)
            self.leave(r, one, now)
        self.begin(r, now)

    def leave(self, r, one, now):
        self.end[one.i] = now
        if not self.outside(one):
            r.open, r.tokens = r.open - 1, r.tokens - one.context


class Joining(Changing):
    """The pool whose requests come with their prompts computed."""

    def prompts(self, r, now):
        """Seat by rank those who find room, and return nothing of prompts."""
        for line in r.lines:
            while line:
                one = line[0]
                fresh = int(not one.thrown)
                if not self.sits(r, one, fresh, now):
                    return 0, 0, []
                line.remove(one)
                r.waits -= 1
                one.context, one.left = one.prompt + fresh, one.left - fresh
                one.turn, self.joined = self.joined, self.joined + 1
                r.seats.append(one)
        return 0, 0, []

    def sits(self, r, one, fresh, now):
        spec = self.spec
        needs = one.prompt + (fresh if spec.grow else one.left)
        while True:
            spare = max((len(r.seats) + 1) * spec.grow, spec.kv_spare_tokens)
            if len(r.seats) < spec.batch and self.held(r) + needs + spare <= spec.kv_tokens:
                return True
            if not spec.displaces or not self.throw(r, one.rank, now):
                return False


class Pools:
    """Two pools: each request goes from one to the other, and back if its replica there is lost."""

    def __init__(self, specs, rules, link, arrival, prompt, output, draw, rank=None):
        one = [1] * len(prompt)
        self.first = Changing(specs[0], rules[0], arrival, prompt, one, draw, rank)
        self.rest = Joining(replace(specs[1], joins=True), rules[1], [], [], [], [])
        self.rest.ranks, self.rest.pool = self.first.ranks, []
        self.rest.pool = [Replica(x, self.rest.empty()) for x in range(specs[1].replicas)]
        self.link, self.draw = link, draw
        self.context, self.left, self.of, self.way = list(prompt), list(output), [], []
        self.end, self.where = {}, self.first.where

    def advance(self, until):
        self.first.advance(until)
        for i, at in self.first.end.items():
            if self.left[i] == 1:
                self.end[i] = at
            else:
                sent = ticks(self.link.times_s(np.array([self.context[i]])))
                self.way.append((at + int(sent[0]), i))
        self.first.end = {}
        here, rest = sorted(way for way in self.way if way[0] < until), self.rest
        self.way = [way for way in self.way if way[0] >= until]
        for at, i in here:
            rank = self.first.all[i].rank
            rest.all.append(Asked(len(self.of), self.context[i], self.left[i], rank))
            self.of.append(i)
            rest.arrival.append(at)
            rest.draw += [self.draw[i]] if self.draw else []
            rest.where.append(-1)
        rest.advance(until)
        for row, at in rest.end.items():
            self.end[self.of[row]], self.where[self.of[row]] = at, rest.where[row]
        rest.end = {}

    def lose_decoding(self, x):
        """What it had starts anew in the first pool, answer so far as prompt."""
        rest = self.rest
        for one in (a for line in rest.pool[x].lines for a in line if not a.thrown):
            one.prompt, one.left = one.prompt + 1, one.left - 1
        rest.lose(x)
        for one in rest.back:
            i = self.of[one.i]
            again = self.first.all[i]
            again.prompt, again.left = again.prompt + one.prompt - self.context[i], 1
            self.context[i], self.left[i] = one.prompt, one.left
            self.where[i] = x
            self.first.back = sorted([*self.first.back, again], key=lambda a: a.i)
        rest.back = []

    def thrown(self, i):
        own = (self.rest.all[row].thrown for row, of in enumerate(self.of) if of == i)
        return self.first.all[i].thrown + sum(own)
