"""Quotas in lists and dicts: usage is added up anew from who holds what, each time it is asked.

A tree is {name: {"parent", "nominal", "borrow", "lend", "weight", ...}}, nominal by (flavor,
resource); queues also have "order" (flavors), "strict", "within", "reclaim", "to_borrow", "most",
"borrow_next", "evict_next". A wish is {resource: amount}.
"""

import math

from tests.plain.test_preemption import Preempting

INF = math.inf


class Book:
    """Who holds quota, and what follows from it by the algebra alone."""

    def __init__(self, tree, fair=False, strategies=("final", "initial")):
        self.tree, self.fair, self.strategies = tree, fair, strategies
        self.held = {}  # job -> (queue, flavor, wish, since)

    # ---- the tree
    def children(self, name):
        return [k for k, node in self.tree.items() if node["parent"] == name]

    def path(self, name):
        out = [name]
        while self.tree[out[-1]]["parent"]:
            out.append(self.tree[out[-1]]["parent"])
        return out

    def queues(self, root):
        return [k for k in self.tree if "order" in self.tree[k] and self.path(k)[-1] == root]

    def height(self, name):
        return max((self.height(k) + 1 for k in self.children(name)), default=0)

    # ---- the algebra
    def number(self, name, kind, cell, missing):
        value = self.tree[name].get(kind, {}).get(cell)
        return missing if value is None else value

    def quota(self, name, cell):
        """Its own, and what its children lend it."""
        lent = sum(self.quota(k, cell) - self.local(k, cell) for k in self.children(name))
        return self.number(name, "nominal", cell, 0) + lent

    def local(self, name, cell):
        return max(0, self.quota(name, cell) - self.number(name, "lend", cell, INF))

    def used(self, name, cell):
        own = sum(
            wish.get(cell[1], 0)
            for queue, flavor, wish, _ in self.held.values()
            if queue == name and flavor == cell[0]
        )
        return own + sum(
            max(0, self.used(k, cell) - self.local(k, cell)) for k in self.children(name)
        )

    def local_left(self, name, cell):
        return max(0, self.local(name, cell) - self.used(name, cell))

    def available(self, name, cell):
        parent, quota, used = (
            self.tree[name]["parent"],
            self.quota(name, cell),
            self.used(name, cell),
        )
        if not parent:
            return quota - used
        local = self.local(name, cell)
        limit = (quota - local) - max(0, used - local) + self.number(name, "borrow", cell, INF)
        return self.local_left(name, cell) + min(self.available(parent, cell), limit)

    def most(self, name, cell):
        """What it could have if nobody else used anything."""
        parent, quota = self.tree[name]["parent"], self.quota(name, cell)
        if not parent:
            return quota
        limit = quota + self.number(name, "borrow", cell, INF)
        return min(limit, self.local(name, cell) + self.most(parent, cell))

    def over(self, name, cells):
        return any(self.used(name, cell) > self.quota(name, cell) for cell in cells)

    def fits(self, queue, flavor, wish, borrows=True):
        for r, amount in wish.items():
            cell = (flavor, r)
            if not borrows and self.used(queue, cell) + amount > self.quota(queue, cell):
                return False
            if amount > self.available(queue, cell):
                return False
        return True

    def level(self, queue, cell, amount):
        """(how far up it borrows, whether a part below the root has quota enough)."""
        parent = self.tree[queue]["parent"]
        if not parent or self.used(queue, cell) + amount <= self.quota(queue, cell):
            return 0, bool(parent)
        left = amount - self.local_left(queue, cell)
        for node in self.path(queue)[1:]:
            if self.used(node, cell) + left <= self.quota(node, cell):
                return self.height(node), bool(self.tree[node]["parent"])
            left -= self.local_left(node, cell)
        return self.height(self.path(queue)[-1]), False

    # ---- shares
    def share(self, name):
        """(1 if its weight is 0 and it borrows, the dominant share)."""
        parent, most = self.tree[name]["parent"], 0.0
        if not parent:
            return (0, 0.0)
        flavors = list(dict.fromkeys(c[0] for node in self.tree.values() for c in node["nominal"]))
        for r in (0, 1, 2):
            cells = [(f, r) for f in flavors]
            borrowed = sum(max(0, self.used(name, c) - self.quota(name, c)) for c in cells)
            lendable = sum(self.most(parent, c) for c in cells)
            if borrowed and lendable:
                most = max(most, borrowed * 1000.0 / lendable)
        weight = self.tree[name].get("weight", 1.0)
        if most == 0.0:
            return (0, 0.0)
        return (0, most / weight) if weight else (1, most)

    def borrows(self, name):
        cells = {c for node in self.tree.values() for c in node["nominal"]}
        return bool(self.tree[name]["parent"]) and self.over(name, cells)


class Without:
    """For a while some jobs hold nothing."""

    def __init__(self, book, jobs):
        self.book, self.jobs = book, jobs

    def __enter__(self):
        self.kept = dict(self.book.held)
        for j in self.jobs:
            del self.book.held[j]

    def __exit__(self, *_):
        self.book.held = self.kept


class Quotas(Preempting):
    """Plain, with quotas before nodes: who holds quota is in `queue`, the others wait for it."""

    def __init__(self, *args, book, owner, **kws):
        kws = {"give": "", "cost": 0.0, "step": 0.0, "key": None} | kws
        super().__init__(*args, **kws)
        self.book, self.owner = book, owner
        self.refused, self.stale, self.seen, self.out = {}, set(), set(), {}
        self.pending = []

    # ---- what is asked
    def wish(self, j):
        job = self.jobs[j]
        counted = {c[1] for node in self.book.tree.values() for c in node["nominal"]}
        all_ = {0: job["gpus"] * 1000, 1: job["mcpu"], 2: job["mem"]}
        return {r: v for r, v in all_.items() if r in counted and v > 0}

    def form(self, j):
        job, node = self.jobs[j], self.book.tree[self.owner[j]]
        evicts = node["within"] != "never" or node["reclaim"] != "never"
        return (self.owner[j], job["gpus"], job["nodes"], job["each"], job["mcpu"], job["mem"],
                tuple(sorted(job["speed"].items())), job["priority"] if evicts else 0)  # fmt: skip

    def on(self, flavor, j):
        """A job's speeds on nodes of a flavor alone."""
        kinds = [k for k, f in self.flavor_of.items() if flavor in ("", f)]
        return {k: v for k, v in self.jobs[j]["full"].items() if k in kinds}

    def able(self, j, flavor):
        """Whether it could run on empty nodes of a flavor."""
        free = {n.number: (n.size, INF, INF) for n in self.nodes}
        return any(self.on_kind(self.jobs[j], k, free, None) for k in self.on(flavor, j))

    # ---- whom it evicts
    def gives_way(self, other, j, policy):
        a, b = self.jobs[other], self.jobs[j]
        lower = a["priority"] < b["priority"]
        equal = a["priority"] == b["priority"]
        return {"never": False, "lower": lower, "any": True,
                "newer": lower or (equal and b["enter"] < a["enter"])}[policy]  # fmt: skip

    def candidates(self, j, queue, flavor, cells, policy):
        book = self.book
        return [
            k
            for k, (q, f, wish, _) in book.held.items()
            if isinstance(k, int) and q == queue and f == flavor and any(wish.get(c[1], 0) for c in cells)
            and self.gives_way(k, j, policy)
        ]  # fmt: skip

    def order(self, k, queue):
        return (self.book.held[k][0] == queue, self.jobs[k]["priority"], -self.book.held[k][3], k)

    def meet(self, a, b):
        return next(n for n in self.book.path(b)[1:] if n in self.book.path(a)[1:])

    def below(self, name, top):
        path = self.book.path(name)
        return path[: path.index(top)]

    def spare(self, j, flavor, gone, borrows):
        gone, book = list(gone), self.book
        for k in reversed(gone[:-1]):
            rest = [x for x in gone if x != k]
            with Without(book, rest):
                if book.fits(self.owner[j], flavor, self.wish(j), borrows):
                    gone = rest
        return gone

    def classic(self, j, flavor, cells):
        book, queue = self.book, self.owner[j]
        node, wish = book.tree[queue], self.wish(j)
        own = self.candidates(j, queue, flavor, cells, node["within"])
        near, others, barred = [], [], set()
        root = book.path(queue)[-1]
        for x in book.queues(root):
            if x == queue or node["reclaim"] == "never":
                continue
            top = self.meet(queue, x)
            if not all(book.over(n, cells) for n in self.below(x, top)):
                continue
            left, entitled = dict(wish), False
            for n in self.below(queue, top):
                entitled = entitled or all(
                    book.used(n, (flavor, r)) + v <= book.quota(n, (flavor, r))
                    for r, v in left.items()
                )
                left = {r: max(0, v - book.local_left(n, (flavor, r))) for r, v in left.items()}
            found = self.candidates(j, x, flavor, cells, node["reclaim"])
            (near if entitled else others).extend(found)
            for k in [] if entitled else found:
                p = self.jobs[k]["priority"]
                if (
                    node["to_borrow"] == "never"
                    or p >= self.jobs[j]["priority"]
                    or p > node["most"]
                ):
                    barred.add(k)
        line = [k for part in (near, others, own) for k in sorted(part, key=lambda k: self.order(k, queue))]  # fmt: skip
        forbidden = node["to_borrow"] == "never"
        under = all(book.used(queue, c) < book.quota(queue, c) for c in cells)
        if not (near or others) or (forbidden and not under):
            tries = [True]
        else:
            tries = [False, True] if forbidden and not near else [True, False]
        for borrows in tries:
            gone = []
            for k in line:
                x = book.held[k][0]
                with Without(book, gone):
                    if x != queue and (
                        (borrows and k in barred)
                        or not all(book.over(n, cells) for n in self.below(x, self.meet(queue, x)))
                    ):
                        continue
                gone.append(k)
                with Without(book, gone):
                    if book.fits(queue, flavor, wish, borrows):
                        break
            else:
                continue
            return self.spare(j, flavor, gone, borrows)
        return []

    def fair(self, j, flavor, cells):
        book, queue, wish = self.book, self.owner[j], self.wish(j)
        node, root = book.tree[queue], book.path(queue)[-1]
        left = {queue: self.candidates(j, queue, flavor, cells, node["within"])}
        for x in book.queues(root) if node["parent"] else []:
            if x != queue and book.over(x, cells):
                left[x] = self.candidates(j, x, flavor, cells, node["reclaim"])
        left = {x: sorted(part, key=lambda k: self.order(k, queue)) for x, part in left.items()}
        book.held["taker"] = (queue, flavor, wish, 0.0)
        owns, gone, again = not book.over(queue, cells), [], {}

        def fits():
            with Without(book, [*gone, "taker"]):
                return book.fits(queue, flavor, wish)

        def compare(x):
            top = self.meet(queue, x)
            return self.below(queue, top)[-1], self.below(x, top)[-1]

        def first():
            out = set()
            while True:
                with Without(book, gone):
                    x = self.target(root, queue, left, out)
                if x is None:
                    return False
                while left[x]:
                    k = left[x].pop(0)
                    goes = x == queue or owns
                    if not goes:
                        mine, theirs = compare(x)
                        with Without(book, gone):
                            old, new = book.share(theirs), book.share(mine)
                        with Without(book, [*gone, k]):
                            after = book.share(theirs)
                        final = self.book.strategies[0] == "final"
                        goes = new <= after if final else new < old
                    if goes:
                        gone.append(k)
                        if fits():
                            return True
                        break
                    again.setdefault(x, []).append(k)

        def second():
            out = set()
            while True:
                with Without(book, gone):
                    x = self.target(root, queue, again, out)
                    if x is None:
                        return False
                    mine, theirs = compare(x)
                    goes = book.share(mine) < book.share(theirs)
                k = again.pop(x)[0]
                if goes:
                    gone.append(k)
                    if fits():
                        return True

        found = first() or (len(book.strategies) > 1 and second())
        del book.held["taker"]
        return self.spare(j, flavor, gone, True) if found else []

    def target(self, root, queue, left, out):
        """The queue to take from next: at each cohort the child with the greatest share."""
        book = self.book
        if root == queue:
            return queue if left.get(queue) else None

        def down(cohort):
            best, part = None, None
            for child in book.children(cohort):
                if child in out:
                    continue
                if "order" in book.tree[child]:
                    if not left.get(child) or (child != queue and not book.borrows(child)):
                        out.add(child)
                    elif (
                        best is None
                        or book.share(child) > book.share(best)
                        or (
                            book.share(child) == book.share(best)
                            and self.order(left[child][0], queue) < self.order(left[best][0], queue)
                        )
                    ):
                        best = child
                elif not book.borrows(child) and child not in book.path(queue):
                    out.add(child)
                elif part is None or book.share(child) >= book.share(part):
                    part = child
            if best is None and part is None:
                out.add(cohort)
                return None
            if part is not None and (best is None or book.share(part) >= book.share(best)):
                return down(part)
            return best

        while root not in out:
            found = down(root)
            if found is not None:
                return found
        return None

    def victims(self, j, flavor):
        wish, queue = self.wish(j), self.owner[j]
        cells = [
            (flavor, r) for r, v in wish.items() if v > self.book.available(queue, (flavor, r))
        ]
        if self.out.get(j) == self.now:
            return []
        return (self.fair if self.book.fair else self.classic)(j, flavor, cells)

    # ---- a cycle
    def levels(self, j, flavor):
        book, queue = self.book, self.owner[j]
        return max(
            (book.level(queue, (flavor, r), v)[0] for r, v in self.wish(j).items()), default=0
        )

    def offer(self, j, flavor):
        book, queue, wish = self.book, self.owner[j], self.wish(j)
        node = book.tree[queue]
        if any(v > book.most(queue, (flavor, r)) for r, v in wish.items()) or not self.able(
            j, flavor
        ):
            return 0, 0
        if book.fits(queue, flavor, wish):
            return 4, self.levels(j, flavor)
        eager = node["to_borrow"] != "never" or (book.fair and node["reclaim"] != "never")
        for r, v in wish.items():
            cell = (flavor, r)
            small = book.number(queue, "nominal", cell, 0) < v and not book.level(queue, cell, v)[1]
            if v > book.available(queue, cell) and not eager and small:
                return 0, 0
        gone = self.victims(j, flavor)
        if not gone:
            return 1, self.levels(j, flavor)
        own = any(book.held[k][0] == queue for k in gone)
        with Without(book, gone):
            return (2 if own else 3), self.levels(j, flavor)

    def nominate(self, j):
        node, offers = self.book.tree[self.owner[j]], []
        for flavor in node["order"]:
            mode, high = self.offer(j, flavor)
            offers.append((mode, -high if mode else 0, flavor))
            later = (mode < 4 and node["evict_next"]) or (high > 0 and node["borrow_next"])
            if mode > 1 and not later:
                return flavor, mode, high
        mode, high, flavor = max(offers, key=lambda o: o[:2])
        return flavor, mode, -high

    def heads(self, root):
        out = {}
        for queue in self.book.queues(root):
            strict = self.book.tree[queue]["strict"]
            mine = [j for j in self.pending if self.owner[j] == queue
                    and (strict or self.form(j) not in self.refused.get(root, ()))]  # fmt: skip
            if mine:
                out[queue] = min(mine, key=self.key)
        return out

    def next_entry(self, root, entries):
        if not self.book.fair:
            return min(entries, key=lambda q: (entries[q][3], self.key(entries[q][0])))

        def rank(node, queue):
            j, flavor, _, _ = entries[queue]
            self.book.held["taker"] = (queue, flavor, self.wish(j), 0.0)
            cells = [(flavor, r) for r in self.wish(j)]
            lent = self.book.over(node, cells)
            mine = self.book.share(node)
            del self.book.held["taker"]
            return (lent, mine, self.key(j))

        def winner(node):
            if node in entries:
                return node
            won = [(child, winner(child)) for child in self.book.children(node)]
            won = [(rank(child, queue), queue) for child, queue in won if queue]
            return min(won)[1] if won else None

        return winner(root)

    def refuse(self, root, j):
        known = self.refused.setdefault(root, set())
        news = self.form(j) not in known
        known.add(self.form(j))
        return news

    def cycle(self, root):
        news, entries, book = False, {}, self.book
        for queue, j in self.heads(root).items():
            flavor, mode, high = self.nominate(j)
            if mode == 0:
                news = self.refuse(root, j) or news
            else:
                entries[queue] = (j, flavor, mode, high)
        leaders = {self.form(e[0]): e[0] for e in entries.values()}
        while entries:
            queue = self.next_entry(root, entries)
            j, flavor, mode, high = entries.pop(queue)
            same = [k for k in self.pending if self.form(k) == self.form(j)]
            if mode == 1:
                self.reserve(j, queue, flavor, high)
                news = self.refuse(root, j) or news
            elif min(same, key=self.key) != leaders[self.form(j)]:
                continue
            elif book.fits(queue, flavor, self.wish(j)):
                self.admit(j, flavor)
                news = True
            elif mode != 4:
                gone = self.victims(j, flavor)
                for k in gone:
                    self.give_way(k)
                if gone:
                    self.admit(j, flavor)
                    news = True
        book.held = {k: v for k, v in book.held.items() if not isinstance(k, tuple)}
        return news

    def reserve(self, j, queue, flavor, high):
        book, kept = self.book, {}
        if book.tree[queue]["reclaim"] == "any":
            return
        for r, v in self.wish(j).items():
            cell = (flavor, r)
            free = book.number(queue, "nominal", cell, 0) - book.used(queue, cell)
            limit = free + book.number(queue, "borrow", cell, INF) if high else free
            if min(v, limit) > 0:
                kept[r] = min(v, limit)
        book.held["kept", queue, j] = (queue, flavor, kept, 0.0)

    def admit(self, j, flavor):
        self.pending.remove(j)
        self.book.held[j] = (self.owner[j], flavor, self.wish(j), self.now)
        self.jobs[j]["speed"] = self.on(flavor, j)
        self.queue.append(j)

    def release(self, j):
        root = self.book.path(self.book.held.pop(j)[0])[-1]
        self.jobs[j]["speed"] = self.jobs[j]["full"]
        self.refused.pop(root, None)
        self.stale.add(root)

    def give_way(self, j):
        self.out[j] = self.now
        if j in self.running:
            self.hold(j, -1)
            self.evict(j)
        self.queue.remove(j)
        self.release(j)
        self.pending.append(j)

    def start(self, j, kind, got):
        super().start(j, kind, got)
        self.jobs[j]["cancel"] = INF  # who has started does not give up

    def dispatch(self):
        book = self.book
        for j in [j for j in book.held if j not in self.running and j not in self.queue]:
            self.release(j)  # it has ended, or its user gave up
        for j in self.pending:
            if j not in self.queue and book.tree[self.owner[j]]["strict"]:
                self.stale.add(book.path(self.owner[j])[-1])  # its user gave up: it blocks no more
        for j in self.queue:
            if j not in book.held and j not in self.seen:
                self.stale.add(book.path(self.owner[j])[-1])
                self.seen.add(j)
        self.pending = [j for j in self.queue if j not in book.held]
        self.queue = [j for j in self.queue if j in book.held]
        for root in [k for k, node in book.tree.items() if not node["parent"]]:
            if root in self.stale:
                while self.cycle(root):
                    pass
                self.stale.discard(root)
        self.queue.sort(key=self.key)
        super(Preempting, self).dispatch()
        self.queue = sorted(self.queue + self.pending, key=self.key)
