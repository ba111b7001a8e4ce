"""Max-min fair shares, slowly: one level at a time, everything reckoned anew at each event."""

import math


def rates(capacity, paths, weights=None, penalty=None, bound=None, fat=()):
    """Return the rate of each flow: the least level at which something is full is settled first."""
    n = len(paths)
    weights = weights or [[1.0] * len(p) for p in paths]
    penalty = penalty or [1.0] * n
    bound = bound or [math.inf] * n
    uses = [
        [(x, a / penalty[i]) for x, a in zip(paths[i], weights[i], strict=True) if a > 0]
        if penalty[i] > 0
        else []
        for i in range(n)
    ]
    level = {i: 0.0 for i in range(n) if penalty[i] == 0}
    while len(level) < n:
        live = [i for i in range(n) if i not in level]
        shares = {}
        for x, c in enumerate(capacity):
            asked = [a for i in live for y, a in uses[i] if y == x]
            given = 0.0 if x in fat else math.fsum(
                a * level[i] for i in level for y, a in uses[i] if y == x
            )  # fmt: skip
            if asked:
                need = max(asked) if x in fat else math.fsum(asked)
                shares[x] = max(c - given, 0.0) / need
        top = {i: bound[i] * penalty[i] for i in live}
        least = min([*shares.values(), *top.values()])
        full = {x for x, s in shares.items() if s <= least * (1 + 1e-12)}
        for i in live:
            if top[i] <= least or any(x in full for x, _ in uses[i]):
                level[i] = least
    return [level[i] / penalty[i] if penalty[i] > 0 else 0.0 for i in range(n)]


def finish(capacity, paths, start, size, **chosen):
    """Return when each flow ends: the rates of those that live, to the next start or end."""
    n, left, end, now = len(paths), list(size), [math.inf] * len(paths), 0.0
    waiting, live = sorted(range(n), key=lambda i: start[i]), []
    while waiting or live:
        part = {
            k: [v[i] for i in live] if k != "fat" else v for k, v in chosen.items() if v is not None
        }
        r = rates(capacity, [paths[i] for i in live], **part) if live else []
        ends = [now + left[i] / r[k] if r[k] > 0 else math.inf for k, i in enumerate(live)]
        then = min([*ends, *([start[waiting[0]]] if waiting else [])])
        if then == math.inf:
            break
        for k, i in enumerate(live):
            left[i] -= r[k] * (then - now) if r[k] < math.inf else left[i]
        gone = [i for k, i in enumerate(live) if ends[k] <= then * (1 + 1e-13)]
        for i in gone:
            end[i] = then
        live = [i for i in live if i not in gone]
        now = then
        while waiting and start[waiting[0]] <= now:
            live.append(waiting.pop(0))
    return end
