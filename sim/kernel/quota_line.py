"""Those of a form who wait for quota, looked at in order, and nobody taken out but who starts.

`front` says of each form how many rows of its heap are at the front, the first of them being next:
what lies over them was looked at, what lies under them goes after them. They stand in `heap`.
"""

from __future__ import annotations

from sim.kernel.jit import jit
from sim.kernel.quota import before, take_first
from sim.state.arrays import I8
from sim.state.handle import State
from sim.state.words import JobState

WAITING = int(JobState.WAITING)
FRESH = -1
"""Of a form where nobody has been looked at."""


@jit
def goes_first(s: State, top: int, a: int, b: int) -> bool:
    """Return whether the job in row `a` of a form's heap goes before that in row `b`."""
    return bool(before(s, s.quota.line[top + a], s.quota.line[top + b]))


@jit
def sink(s: State, top: int, n: int, row: int) -> None:
    """Put a row at the head of a front of `n` and let it sink to its place."""
    front, i = s.quota.heap, 0
    while 2 * i + 1 < n:
        k = 2 * i + 1
        if k + 1 < n and goes_first(s, top, front[top + k + 1], front[top + k]):
            k += 1
        if not goes_first(s, top, front[top + k], row):
            break
        front[top + i] = front[top + k]
        i = k
    front[top + i] = row


@jit
def rise(s: State, top: int, i: int, row: int) -> None:
    """Put a row at the end of a front of `i` and let it rise to its place."""
    front = s.quota.heap
    while i > 0:
        up = (i - 1) >> 1
        if not goes_first(s, top, row, front[top + up]):
            break
        front[top + i] = front[top + up]
        i = up
    front[top + i] = row


@jit
def look_on(s: State, form: int, front: I8) -> None:
    """Leave the next job where it is: those right under it in the heap come to the front."""
    q = s.quota
    top, n, size = q.place[form], front[form], q.size[form]
    row = q.heap[top]
    if 2 * row + 1 < size:
        sink(s, top, n, 2 * row + 1)
    else:
        n -= 1
        if n > 0:
            sink(s, top, n, q.heap[top + n])
    if 2 * row + 2 < size:
        rise(s, top, n, 2 * row + 2)
        n += 1
    front[form] = n


@jit
def first_of(s: State, form: int, front: I8) -> int:
    """Return the first job of a form that was not looked at; -1 if there is none.

    Those whose users have given up are dropped, or passed over.
    """
    q = s.quota
    top = q.place[form]
    if front[form] == FRESH:
        while q.size[form] > 0 and s.jobs.state[q.line[top]] != WAITING:
            take_first(s, form)
        q.heap[top] = 0
        front[form] = 1 if q.size[form] > 0 else 0
    while front[form] > 0:
        job = int(q.line[top + q.heap[top]])
        if s.jobs.state[job] == WAITING:
            return job
        look_on(s, form, front)
    return -1


@jit
def cut(s: State, form: int, row: int) -> None:
    """Take a row out of a form's heap: the last one comes into its place."""
    q = s.quota
    top, n = q.place[form], q.size[form] - 1
    q.size[form] = n
    if row == n:
        return
    line, last, i = q.line, q.line[top + n], row
    while i > 0 and before(s, last, line[top + ((i - 1) >> 1)]):
        line[top + i] = line[top + ((i - 1) >> 1)]
        i = (i - 1) >> 1
    while 2 * i + 1 < n:
        k = 2 * i + 1
        if k + 1 < n and before(s, line[top + k + 1], line[top + k]):
            k += 1
        if not before(s, line[top + k], last):
            break
        line[top + i] = line[top + k]
        i = k
    line[top + i] = last


@jit
def take_out(s: State, form: int, front: I8) -> None:
    """Take the next job out of its heap; who was looked at before it stays looked at."""
    q = s.quota
    top = q.place[form]
    row = q.heap[top]
    if row == 0:
        take_first(s, form)
        front[form] = FRESH
        return
    job = q.line[top + row]
    cut(s, form, row)
    q.heap[top], front[form] = 0, 1
    while front[form] > 0 and before(s, q.line[top + q.heap[top]], job):
        look_on(s, form, front)
