"""Serving by rank, step by step on SimPy's clock: a process a replica, sorted lists, whole ticks.

Written anew from the words of sim/engine/ranked.py, not from the kernel: each step is an event, each
replica looks at its lists and at the door at each step's end.
"""

import simpy

from tests.plain.serving import steps_of


class Asked:
    """One request, as it stands."""

    def __init__(self, i, prompt, output, rank):
        self.i, self.prompt, self.left, self.rank = i, prompt, output, rank
        self.done = 0  # of its prompt
        self.turn = None  # when it joined
        self.context = 0


class Replica:
    """Lists by rank, seats, and what it holds."""

    def __init__(self, env, x, ranks):
        self.x, self.lines, self.seats = x, [[] for _ in range(ranks)], []
        self.idle, self.call = True, env.event()
        self.open = self.tokens = self.waits = 0


class Ranked:
    """A service; `run` plays it and returns first tokens, ends, replicas, preemptions, step counts."""

    def __init__(self, spec, rules, arrival, prompt, output, draw, rank):
        self.spec, self.steps = spec, steps_of(spec.step, rules)
        self.arrival, self.draw = arrival, draw
        self.size = [p + o for p, o in zip(prompt, output, strict=True)]
        self.all = [Asked(i, *row) for i, row in enumerate(zip(prompt, output, rank, strict=True))]
        self.ranks = max(rank) + 1
        self.door, self.joined = [], 0
        n = len(prompt)
        self.first, self.end, self.where, self.thrown = {}, {}, [-1] * n, [0] * n

    def run(self):
        """Play it to the end on a clock whose instants are whole ticks."""
        self.due = []  # (instant, order at it, what)
        self.env = simpy.Environment()
        self.pool = [Replica(self.env, x, self.ranks) for x in range(self.spec.replicas)]
        for one in self.pool:
            self.env.process(self.live(one))
        self.env.process(self.people())
        self.env.run()
        return self

    # instants: SimPy's order at one instant is that of creation; ours is arrivals, then replicas by
    # number, so each sleeps to a fraction of a tick that says whose turn it is
    def until(self, tick, turn):
        """Wait for a whole tick, at the place there that `turn` says, 0 before 1."""
        wanted = tick * 4096 + turn
        return self.env.timeout(wanted - self.env.now)

    def tick(self):
        return self.env.now // 4096

    def people(self):
        for one in self.all:
            yield self.until(self.arrival[one.i], 0)
            if one.rank == self.spec.door:
                self.wait_outside(one)
                continue
            x = self.route(one.i)
            r = self.pool[x]
            self.where[one.i] = x
            r.lines[one.rank].append(one)
            r.open += 1
            r.waits += 1
            r.tokens += self.size[one.i]
            self.wake(r)

    def route(self, i):
        n, pool = self.spec.replicas, self.pool
        a, b = (self.draw[i] >> 31) % n, (self.draw[i] & 0x7FFFFFFF) % n
        if self.spec.route == "round_robin":
            before = sum(1 for one in self.all[:i] if one.rank != self.spec.door)
            return before % n
        least = {"least_requests": "open", "least_tokens": "tokens", "least_waiting": "waits"}
        if self.spec.route in least:
            return min(range(n), key=lambda x: getattr(pool[x], least[self.spec.route]))
        if self.spec.route == "two_choices":
            return b if pool[b].open < pool[a].open else a
        return self.draw[i] % n

    def wake(self, r):
        if r.idle and not r.call.triggered:
            r.call.succeed()

    def wait_outside(self, one):
        self.door.append(one)
        self.door.sort(key=lambda other: other.i)
        for r in self.pool:
            self.wake(r)

    # a replica
    def live(self, r):
        while True:
            step = self.plan(r)
            if step is None:
                r.idle, r.call = True, self.env.event()
                yield r.call
                r.idle = False
                turn = self.env.now % 4096
                if turn <= r.x + 1:
                    yield self.until(self.tick(), r.x + 1)
                continue
            r.idle = False
            yield self.until(self.tick() + step[0], r.x + 1)
            self.close(r, *step[1:])

    def held(self, r):
        total = sum(a.context + (0 if self.spec.grow else a.left) for a in r.seats)
        return total + sum(self.needs(a) for line in r.lines for a in line if a.done)

    def needs(self, one):
        return one.prompt + (1 if self.spec.grow else one.left)

    def throw(self, r, behind):
        """Send back the last of the last rank behind one; None if there is nobody."""
        on = [a for a in r.seats if a.rank > behind]
        on += [a for line in r.lines for a in line if a.done and a.rank > behind]
        if not on:
            return False
        last = max(a.rank for a in on)
        seated = [a for a in r.seats if a.rank == last]
        if seated:
            one = max(seated, key=lambda a: a.turn)
            r.seats.remove(one)
            one.prompt = one.context
        else:
            one = next(a for a in r.lines[last] if a.done)
            r.lines[last].remove(one)
        one.done = 0
        self.thrown[one.i] += 1
        if last == self.spec.door:
            self.wait_outside(one)
        else:
            half = 1 if r.lines[last] and r.lines[last][0].done else 0
            r.lines[last].insert(half, one)
            r.waits += 1
        return True

    def enters(self, r, one, joins, taken):
        """Make room if one may, and say whether there is."""
        spec, outside = self.spec, one.rank == self.spec.door
        seats = min(spec.batch, spec.door_seats or spec.batch) if outside else spec.batch
        cap = spec.kv_tokens
        if outside and spec.door_kv_tokens:
            cap = min(cap, spec.door_kv_tokens)
        while True:
            halves = sum(1 for line in r.lines for a in line if a.done)
            steps = len(r.seats) + (0 if spec.chunked else len(joins))
            more = max(steps if spec.grow else 0, spec.kv_spare_tokens)
            many = len(r.seats) + len(joins) + halves
            if many < seats and self.held(r) + taken + self.needs(one) + more <= cap:
                return True
            there = [a for a in r.seats if a.rank == spec.door]
            there += [a for line in r.lines for a in line if a.done and a.rank == spec.door]
            if outside or not (spec.displaces or there) or not self.throw(r, one.rank):
                return False

    def next_of(self, r, k):
        if r.lines[k]:
            return r.lines[k][0]
        return self.door[0] if k == self.spec.door and self.door else None

    def begin_prompt(self, r, one):
        if one.rank == self.spec.door:
            self.door.remove(one)
            r.lines[one.rank].append(one)
            self.where[one.i] = r.x
            for other in self.pool:
                if other is not r and self.door:
                    self.wake(other)
        else:
            r.waits -= 1

    def plan(self, r):
        """Return (ticks, kind, those whose prompt ends) of the next step; None: nothing to do."""
        spec, (decoding, mixing) = self.spec, self.steps
        while spec.grow and r.seats and self.held(r) + len(r.seats) > spec.kv_tokens:
            self.throw(r, -1)
        if spec.joins:
            self.seat_who_come(r)
            d, context = len(r.seats), sum(a.context for a in r.seats)
            return (decoding(d, context), "decode", []) if d else None
        P = S = taken = 0
        joins, barred = [], False
        for k in range(self.ranks):
            while True:
                one = self.next_of(r, k)
                room = spec.chunk_tokens - len(r.seats) - P
                if one is None or (spec.chunked and room <= 0):
                    break
                longest = max([one.prompt, *(other.prompt for other in joins)])
                takes = (len(joins) + 1) * longest if spec.padded else P + one.prompt
                if not spec.chunked and joins and takes > spec.prompt_tokens:
                    barred = True
                if not one.done:
                    barred = barred or not self.enters(r, one, joins, taken)
                    if barred:
                        break
                    self.begin_prompt(r, one)
                room = spec.chunk_tokens - len(r.seats) - P
                n = min(room, one.prompt - one.done) if spec.chunked else one.prompt
                P, S = P + n, S + n * (n + 2 * one.done)
                one.done += n
                if one.done == one.prompt:
                    r.lines[k].remove(one)
                    joins.append(one)
                    taken += self.needs(one)
        d, context = len(r.seats), sum(a.context for a in r.seats)
        if P and spec.chunked:
            return mixing(P, S, d, context), "mixed", joins
        if P:
            return mixing(P, S, 0, 0), "prompt", joins
        return (decoding(d, context), "decode", joins) if d else None

    def seat_who_come(self, r):
        """Seat those whose prompts were computed elsewhere, rank by rank, until one finds no room."""
        spec = self.spec
        for line in r.lines:
            while line:
                one = line[0]
                fresh = not self.thrown[one.i]
                has = one.prompt + int(fresh)
                need = has if spec.grow else one.prompt + one.left
                while True:
                    steps = max(len(r.seats) + 1 if spec.grow else 0, spec.kv_spare_tokens)
                    if len(r.seats) < spec.batch and self.held(r) + need + steps <= spec.kv_tokens:
                        break
                    if not (spec.displaces and self.throw(r, one.rank)):
                        return
                line.remove(one)
                r.waits -= 1
                self.first.setdefault(one.i, self.arrival[one.i])
                one.context, one.left = has, one.left - int(fresh)
                one.turn, self.joined = self.joined, self.joined + 1
                r.seats.append(one)

    def close(self, r, kind, joins):
        now = self.tick()
        if kind != "prompt":
            for a in r.seats:
                a.context += 1
                a.left -= 1
        for a in [a for a in r.seats if a.left == 0]:
            r.seats.remove(a)
            self.leave(r, a, now)
        for a in joins:
            a.done = 0
            self.first.setdefault(a.i, now)
            a.context, a.left = a.prompt + 1, a.left - 1
            if a.left == 0:
                self.leave(r, a, now)
            else:
                a.turn, self.joined = self.joined, self.joined + 1
                r.seats.append(a)

    def leave(self, r, one, now):
        self.end[one.i] = now
        if one.rank != self.spec.door:
            r.open -= 1
            r.tokens -= self.size[one.i]
