"""Fair shares in lists and dicts: who holds what is added up anew each time it is asked.

A tree is {name: {"parent", "leaf", "quota", "limit", "least", "weight", "priority", "gives"}}, the
amounts by resource (0 thousandths of GPUs, 1 of cores). `how` is kai, proportion or capacity.
"""

import math
from fractions import Fraction

from tests.plain.test_preemption import Preempting

INF = math.inf
LITTLE = 0.1


def by_quota(amount, unit, children):
    """KAI's division of one resource: children are (quota, ask, most, weight, priority)."""
    due = [min(quota, ask, most) for quota, ask, most, _, _ in children]
    rest, left = amount - sum(due), {}
    for level in sorted({c[4] for c in children}, reverse=True) if rest > 0 else ():
        again = True
        while again and rest > LITTLE:
            lack = {i: min(c[1], c[2]) - due[i] for i, c in enumerate(children)
                    if c[4] == level and min(c[1], c[2]) > due[i]}  # fmt: skip
            weights = sum(Fraction(children[i][3]) for i in lack)
            if weights == 0:
                break
            parts = {i: Fraction(rest) * Fraction(children[i][3]) / weights for i in lack
                     if children[i][3]}  # fmt: skip
            again = any(lack[i] < part for i, part in parts.items())
            for i, part in parts.items():
                given = lack[i] if lack[i] <= part else part // unit * unit
                if lack[i] <= part:
                    left.pop(i, None)
                elif part > given:
                    left[i] = part - given
                due[i] += given
                rest -= given
    for level in sorted({c[4] for c in children}, reverse=True):
        for i in sorted((i for i in left if children[i][4] == level), key=lambda i: (-left[i], i)):
            given = min(unit, rest) if rest > LITTLE else 0
            due[i] += given
            rest -= given
    return [float(d) for d in due]


def by_weight(amount, children):
    """Volcano's proportion: children are (least, ask, most, weight), amounts {resource: number}."""
    due, rest = [dict.fromkeys(amount, 0.0) for _ in children], dict(amount)
    met = set()
    while True:
        weights = sum(c[3] for i, c in enumerate(children) if i not in met)
        if not weights:
            return due
        old = dict(rest)
        delta = dict.fromkeys(amount, 0.0)
        for i, (least, ask, most, weight) in enumerate(children):
            if i in met:
                continue
            before = dict(due[i])
            new = {r: min(before[r] + max(old[r], 0.0) * weight / weights, most[r], ask[r])
                   for r in amount}  # fmt: skip
            if all(ask[r] <= new[r] for r in amount) or new == before:
                met.add(i)
            due[i] = {r: max(new[r], least[r]) for r in amount}
            for r in amount:
                delta[r] += due[i][r] - before[r]
        rest = {r: rest[r] - delta[r] for r in amount}
        if rest == old or all(v <= LITTLE for v in rest.values()):
            return due


class Fair(Preempting):
    """Plain, with fair shares."""

    def __init__(self, *args, tree, how, owner, fixed=INF, preempts=False, multiplier=1.0, **kws):
        super().__init__(*args, give="", **kws)
        self.tree, self.how, self.owner = tree, how, owner
        self.fixed, self.preempts, self.multiplier = fixed, preempts, multiplier
        self.counted = sorted({r for node in tree.values()
                               for part in ("quota", "limit", "least") for r in node[part]} | {0})  # fmt: skip
        self.names, self.out, self.gone = list(tree), {}, set()

    # ---- the tree
    def children(self, name):
        return [k for k in self.names if self.tree[k]["parent"] == name]

    def path(self, name):
        out = [name]
        while self.tree[out[-1]]["parent"]:
            out.append(self.tree[out[-1]]["parent"])
        return out

    def told(self, name, part, r, missing=0):
        return self.tree[name][part].get(r, missing)

    def wish(self, j):
        return {r: (self.jobs[j]["gpus"] * 1000, self.jobs[j]["mcpu"])[r] for r in self.counted}

    def used(self, name, r, only_fixed=False):
        return sum(
            self.wish(j)[r] for j in self.running
            if j not in self.gone and name in self.path(self.owner[j])
            and (self.jobs[j]["priority"] >= self.fixed or not only_fixed)
        )  # fmt: skip

    def ask(self, name, r):
        waits = sum(self.wish(j)[r] for j in self.queue if name in self.path(self.owner[j]))
        return self.used(name, r) + waits

    # ---- what each is due
    def divide(self):
        self.due, self.most = {}, {}
        whole = {0: 1000.0 * sum(n.size for n in self.nodes),
                 1: float(sum(min(n.total_mcpu, 1 << 60) for n in self.nodes))}  # fmt: skip
        self.below(None, {r: whole[r] for r in self.counted})

    def below(self, up, amount):
        names = self.children(up)
        for k in names:
            self.most[k] = {}
            for r in self.counted:
                most = self.told(k, "limit", r, INF)
                if self.how != "kai":
                    own = self.told(k, "least", r)
                    others = sum(self.told(x, "least", r) for x in names)
                    most = min(most, max(amount[r] - others, 0.0) + own)
                self.most[k][r] = most
        ask = {k: {r: self.ask(k, r) for r in self.counted} for k in names}
        if self.how == "kai":
            for r in self.counted:
                told = [(self.told(k, "quota", r), ask[k][r], self.most[k][r],
                         self.tree[k]["weight"], self.tree[k]["priority"]) for k in names]  # fmt: skip
                for k, due in zip(names, by_quota(amount[r], (1000, 1)[r], told), strict=True):
                    self.due.setdefault(k, {})[r] = due
        elif self.how == "proportion":
            told = [({r: self.told(k, "least", r) for r in self.counted}, ask[k], self.most[k],
                     self.tree[k]["weight"]) for k in names]  # fmt: skip
            self.due |= dict(zip(names, by_weight(amount, told), strict=True))
        else:
            for k in names:
                self.due[k] = {r: max(min(self.told(k, "quota", r), self.most[k][r]),
                                      self.told(k, "least", r)) for r in self.counted}  # fmt: skip
        for k in names:
            if not self.tree[k]["leaf"]:
                self.below(k, self.due[k])

    def owned(self, name, r):
        if self.how != "kai":
            return self.due[name][r]
        owned = max(self.told(name, "quota", r), self.due[name][r])
        return min(owned, self.told(name, "limit", r, INF))

    def saturation(self, name, wish):
        most = 0.0
        for r in self.counted:
            has, own = self.used(name, r) + wish.get(r, 0), self.owned(name, r)
            if has and own:
                most = max(most, has / own)
            elif has:
                most = max(most, has / (1000, 1)[r] * 1000 if self.how == "kai" else 1.0)
        return most

    def rank(self, name, wish):
        """Least is served first."""
        tree, counted = self.tree[name], self.counted
        has = {r: self.used(name, r) for r in counted}
        last = (self.saturation(name, {}), *((self.owned_key(name),) if self.how == "kai" else ()))
        if self.how != "kai":
            return (-tree["priority"], *last)
        beyond = all(has[r] > self.due[name][r] + LITTLE for r in counted)
        quota = all(has[r] + wish.get(r, 0) <= self.told(name, "quota", r) for r in counted)
        owes = any(not self.owned(name, r) and has[r] + wish.get(r, 0) for r in counted)
        return (beyond, not quota, -tree["priority"], owes, self.saturation(name, wish), *last)

    def owned_key(self, name):
        return Owned([self.owned(name, r) for r in self.counted])

    def served(self, next_, last=False):
        """The leaf whose job goes next: `next_` is {leaf: job}; `last`: without their jobs."""

        def winner(up):
            best = None
            for k in self.children(up):
                leaf = (k if k in next_ else None) if self.tree[k]["leaf"] else winner(k)
                if leaf is None:
                    continue
                rank = self.rank(k, {} if last else self.wish(next_[leaf]))
                mine = (*rank, self.number(k))
                if best is None or ((mine < best[0]) != last):
                    best = (mine, leaf)
            return best and best[1]

        return winner(None)

    def number(self, name):
        leaves = [k for k in self.names if self.tree[k]["leaf"]]
        return (leaves + [k for k in self.names if k not in leaves]).index(name)

    # ---- who may
    def allowed(self, j):
        for name in self.path(self.owner[j]):
            for r, v in self.wish(j).items():
                has = self.used(name, r) + v
                if v and has > self.most[name][r] + LITTLE:
                    return False
                if v and self.how == "proportion" and has > self.due[name][r] + LITTLE:
                    return False
                fixed = v and self.jobs[j]["priority"] >= self.fixed
                if fixed and self.used(name, r, True) + v > self.told(name, "quota", r):
                    return False
        return True

    def form(self, j):
        job = self.jobs[j]
        return (self.owner[j], job["gpus"], job["nodes"], job["each"], job["mcpu"],
                tuple(sorted(job["speed"].items())), job["priority"] >= self.fixed,
                job["priority"] if self.preempts else 0)  # fmt: skip

    def heads(self, shut):
        out = {}
        for j in sorted(self.queue, key=self.key, reverse=True):
            if self.form(j) not in shut:
                out[self.owner[j]] = j
        return out

    def allocate(self):
        shut, seen, head, some, barrier = set(), 0, None, False, None
        while (head is None or seen < self.rule["depth"]) and any(n.free for n in self.nodes):
            next_ = self.heads(shut)
            leaf = self.served(next_)
            if leaf is None:
                return some
            j = next_[leaf]
            shut.add(self.form(j))
            if not self.allowed(j):
                continue
            seen += head is not None
            got = self.where(self.jobs[j], barrier=barrier)
            if got:
                shut.discard(self.form(j))
                self.start(j, *got)
                self.running[j]["new"] = True
                some = True
            elif head is None:
                head = j
                if self.rule["reserves"] and self.rule["depth"]:
                    self.queue.sort(key=lambda k, j=j: k != j)
                    barrier = self.by_nodes()
                    self.queue.sort(key=self.key)
            if got and barrier and self.running[j]["expect"] > barrier["at"]:
                for node, gpus in got[1] if got[0] == barrier["kind"] else ():
                    if node.number in barrier["limit"]:
                        a, b, c = barrier["limit"][node.number]
                        barrier["limit"][node.number] = (a - gpus, b, c)
        return some

    # ---- who gives way
    def apart(self, mine, theirs):
        """The siblings over two leaves."""
        a, b = self.path(mine), self.path(theirs)
        while a and b and a[-1] == b[-1]:
            a.pop()
            b.pop()
        return a[-1], b[-1]

    def must_give(self, j, other):
        mine, theirs = self.apart(self.owner[j], other)
        has = {r: self.used(theirs, r) for r in self.counted}
        if any(has[r] > self.owned(theirs, r) + LITTLE for r in self.counted):
            return True
        within = all(self.used(mine, r) + self.wish(j)[r] <= self.told(mine, "quota", r)
                     for r in self.counted)  # fmt: skip
        over = any(has[r] > self.told(theirs, "quota", r) for r in self.counted)
        return self.how == "kai" and within and over

    def keeps_order(self, j):
        for k in self.gone if self.how == "kai" else ():
            if self.owner[k] == self.owner[j]:
                continue
            mine, theirs = self.apart(self.owner[j], self.owner[k])
            for r in self.counted:
                due = self.due[mine][r]
                has = self.used(mine, r) + self.wish(j)[r]
                if has > due + LITTLE and self.due[theirs][r]:
                    ratio = has / due * self.multiplier if due else INF
                    if ratio >= self.used(theirs, r) / self.due[theirs][r]:
                        return False
        return True

    def candidate(self, leaf, j, own):
        found = [k for k in self.running if self.owner[k] == leaf and k not in self.gone
                 and self.running[k]["since"] < self.now
                 and self.jobs[k]["priority"] < self.fixed
                 and (not own or self.jobs[k]["priority"] < self.jobs[j]["priority"])
                 and any(v and self.wish(k)[r] for r, v in self.wish(j).items())]  # fmt: skip
        found.sort(key=self.key)
        return min(found[::-1], key=lambda k: self.jobs[k]["priority"]) if found else None

    def next_victim(self, j, own):
        if own:
            return self.candidate(self.owner[j], j, True)
        next_ = {}
        for leaf in [k for k in self.names if self.tree[k]["leaf"] and self.tree[k]["gives"]]:
            if leaf != self.owner[j] and self.must_give(j, leaf):
                k = self.candidate(leaf, j, False)
                if k is not None:
                    next_[leaf] = k
        leaf = self.served(next_, last=True)
        return None if leaf is None else next_[leaf]

    def victims(self, j, own):
        order, got = [], None
        while got is None:
            k = self.next_victim(j, own)
            if k is None:
                break
            self.gone.add(k)
            order.append(k)
            self.hold(k, -1)
            if not self.keeps_order(j):
                break
            got = self.where(self.jobs[j]) if self.allowed(j) else None
        for k in order[-2::-1] if got else ():
            self.gone.discard(k)
            self.hold(k, 1)
            if self.allowed(j) and self.where(self.jobs[j]):
                continue
            self.gone.add(k)
            self.hold(k, -1)
        stay = [] if got else [k for k in order if k in self.gone]
        for k in stay:
            self.hold(k, 1)
        gone = [k for k in order if k in self.gone] if got else []
        self.gone.clear()
        return gone

    def within_share(self, j):
        leaf = self.owner[j]
        return all(self.used(leaf, r) + v <= self.due[leaf][r] + LITTLE for r, v in self.wish(j).items())  # fmt: skip

    def take_back(self, own):
        shut = set()
        while True:
            next_ = self.heads(shut)
            leaf = self.served(next_)
            if leaf is None:
                return False
            j = next_[leaf]
            shut.add(self.form(j))
            may = self.preempts if own else self.within_share(j)
            if not may or self.out.get(j) == self.now:
                continue
            if self.allowed(j) and self.where(self.jobs[j]):
                continue
            gone = self.victims(j, own)
            for k in gone:
                self.out[k] = self.now
                self.evict(k)
            if gone:
                self.start(j, *self.where(self.jobs[j]))
                return True

    def start(self, j, kind, got):
        super().start(j, kind, got)
        self.jobs[j]["cancel"] = INF  # who has started does not give up

    def dispatch(self):
        self.divide()
        while True:
            self.allocate()
            if not (self.take_back(False) or self.take_back(True)):
                return


class Owned:
    """What a node owns: less if it is no more of anything, and less of something."""

    def __init__(self, amounts):
        self.amounts = amounts

    def __lt__(self, other):
        pairs = list(zip(self.amounts, other.amounts, strict=True))
        return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)

    def __eq__(self, other):
        return not self < other and not other < self
