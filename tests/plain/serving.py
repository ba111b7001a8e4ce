"""Serving step by step in plain Python: one loop a step, lists for queues; whole picoseconds."""

from dataclasses import dataclass, field


@dataclass
class Replica:
    wait: list = field(default_factory=list)  # [request, prompt, left, done]
    seats: list = field(default_factory=list)  # [request, context, left], in order of joining
    step: tuple | None = None
    due: int | None = None
    held: int = 0  # outstanding tokens
    open: int = 0


def steps_of(step, rules):
    """Return two functions: the ticks of a step that decodes, and of one that has prompts."""
    d0, dD, dC, p0, pP, pS, pD, pC = (int(x) for x in rules[:8])

    def more(table_s, tokens):
        tile = min(-(-tokens // step.tile_tokens), len(table_s)) - 1
        return round(table_s[tile] * 1e12) if tile >= 0 else 0

    def decoding(d, context):
        return d0 + dD * d + dC * context + more(step.decode_more_s, d)

    def mixing(P, S, d, context):
        line = p0 + pP * P + pS * S + pD * d + pC * context
        return line + more(step.mixed_more_s, P + d)

    return decoding, mixing


def slow(spec, rules, arrival, prompt, output, draw, steps=None):
    """Return by request first tokens, ends, replica, preemptions; `steps` as of `steps_of`."""
    decoding, mixing = steps or steps_of(spec.step, rules)
    first, end, preempted, where = {}, {}, [0] * len(prompt), []
    pool = [Replica() for _ in range(spec.replicas)]

    def used(r):
        # a reserved request holds all it will ever need; a growing one what it has
        total = 0
        for _, context, left in r.seats:
            total += context if spec.grow else context + left
        for _, p, left, done in r.wait:
            if done:
                total += p + (1 if spec.grow else left)
        return total

    def waiting(r):
        return sum(1 for x in r.wait if not x[3])  # a prompt half computed waits no more

    def fits(r, p, left, taken, ahead):
        more = 1 if spec.grow else left
        return (
            used(r) + taken + p + more + max(ahead if spec.grow else 0, spec.kv_spare_tokens)
            <= spec.kv_tokens
        )

    def begin(r, now):
        while spec.grow and r.seats and used(r) + len(r.seats) > spec.kv_tokens:
            i, context, left = r.seats.pop()
            preempted[i] += 1
            r.wait.insert(1 if r.wait and r.wait[0][3] else 0, [i, context, left, 0])
        while spec.joins and r.wait and len(r.seats) < spec.batch:
            i, p, left, _ = r.wait[0]
            again = preempted[i]
            if not fits(r, p - (1 if again else 0), left, 0, len(r.seats) + 1):
                break
            r.wait.pop(0)
            r.seats.append([i, p, left] if again else [i, p + 1, left - 1])
            first.setdefault(i, arrival[i])
        d, context = len(r.seats), sum(x[1] for x in r.seats)
        P = S = taken = 0
        joins = []
        if spec.joins:
            r.step, r.due = (("decode", []), now + decoding(d, context)) if d else (None, None)
            return
        if spec.chunked:
            room = spec.chunk_tokens - d
            while r.wait and room > 0:
                i, p, left, done = r.wait[0]
                full = d + len(joins) >= spec.batch or not fits(r, p, left, taken, d)
                if not done and full:
                    break
                n = min(room, p - done)
                P, S, room = P + n, S + n * (n + 2 * done), room - n
                if done + n < p:
                    r.wait[0][3] = done + n
                    break
                joins.append(r.wait.pop(0))
                taken += p + (1 if spec.grow else left)
            if P:
                r.step = ("mixed", joins)
                r.due = now + mixing(P, S, d, context)
                return
        else:
            while r.wait and d + len(joins) < spec.batch:
                i, p, left, done = r.wait[0]
                longest = max([p, *(x[1] for x in joins)])
                takes = (len(joins) + 1) * longest if spec.padded else P + p
                if joins and takes > spec.prompt_tokens:
                    break
                if not fits(r, p, left, taken, d + len(joins)):
                    break
                P, S = P + p, S + p * p
                joins.append(r.wait.pop(0))
                taken += p + (1 if spec.grow else left)
            if joins:
                r.step, r.due = ("prompt", joins), now + mixing(P, S, 0, 0)
                return
        r.step, r.due = (("decode", []), now + decoding(d, context)) if d else (None, None)

    def leave(r, i, now):
        end[i] = now
        r.open -= 1
        r.held -= prompt[i] + output[i]

    def finish(r, now):
        kind, joins = r.step if r.step else ("idle", [])
        if kind in ("decode", "mixed"):
            for x in r.seats:
                x[1] += 1
                x[2] -= 1
        for x in [x for x in r.seats if x[2] == 0]:
            r.seats.remove(x)
            leave(r, x[0], now)
        for i, p, left, _ in joins:
            first.setdefault(i, now)
            if left == 1:
                leave(r, i, now)
            else:
                r.seats.append([i, p + 1, left - 1])
        begin(r, now)

    i = 0
    while True:
        dues = [(r.due, x) for x, r in enumerate(pool) if r.due is not None]
        if i < len(prompt) and (not dues or arrival[i] <= min(dues)[0]):
            n = spec.replicas
            a, b = (draw[i] >> 31) % n, (draw[i] & 0x7FFFFFFF) % n
            x = {
                "round_robin": i % n,
                "least_requests": min(range(n), key=lambda x: pool[x].open),
                "least_tokens": min(range(n), key=lambda x: pool[x].held),
                "two_choices": b if pool[b].open < pool[a].open else a,
                "affinity": draw[i] % n,
                "least_waiting": min(range(n), key=lambda x: waiting(pool[x])),
            }[spec.route]
            r = pool[x]
            where.append(x)
            r.wait.append([i, prompt[i], output[i], 0])
            r.open += 1
            r.held += prompt[i] + output[i]
            if r.due is None:
                r.due = arrival[i]
            i += 1
        elif dues:
            now, x = min(dues)
            finish(pool[x], now)
        else:
            return first, end, where, preempted
