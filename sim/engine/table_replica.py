"""A replica that steps by a table: who is in its next step, and how many alike it takes at once.

A request has two parts on it, its prompt and its answer; where both are here the second waits, in
the list too, until the first is done.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(eq=False)
class Part:
    """The prompt of a request, or its answer after the first token."""

    request: int
    prompt: bool
    tokens: int  # of a step: the whole prompt, or one
    left: int  # steps to do
    size: int  # tokens of KV memory it takes when it begins
    passed: int = 0  # steps of others that it waited through, as first of its request
    began: bool = False


@dataclass(frozen=True)
class Limits:
    """What a replica may do: tokens and parts a step, KV tokens, steps to be passed over."""

    budget: int
    batch: int
    kv_tokens: float = np.inf
    most_passed: float = np.inf


class _Step:
    """A step as it is put together."""

    def __init__(self, may: Limits, memory: float) -> None:
        """Begin with nobody, so much memory held."""
        self.may, self.memory, self.tokens = may, memory, 0
        self.made, self._of = list[Part](), set[int]()

    def lacks(self, part: Part) -> bool:
        """Return whether nothing of the part's request is in it."""
        return part.request not in self._of

    def room(self, part: Part) -> bool:
        """Return whether there is room for a part's tokens; whatever they are for the first."""
        many = len(self.made)
        return many < self.may.batch and (not many or self.tokens + part.tokens <= self.may.budget)

    def fits(self, part: Part) -> bool:
        """Return whether there is memory for a part."""
        return part.began or self.memory + part.size <= self.may.kv_tokens

    def add(self, part: Part) -> None:
        """Take a part."""
        self.made.append(part)
        self._of.add(part.request)
        self.tokens += part.tokens
        self.memory += 0 if part.began else part.size

    def fill(self, some: list[Part], known: bool) -> None:
        """Take of some parts up to the first for which there is no room.

        `known` : of one whose request is in the step already it is asked too whether there is.
        """
        for part in some:
            if (known or self.lacks(part)) and not self.room(part):
                return
            if self.lacks(part):
                if not self.fits(part):
                    return
                self.add(part)


@dataclass(eq=False)
class Replica:
    """One replica, its lists, and the run of equal steps under way."""

    may: Limits
    step_s: Callable[[int, int], float]  # of prompt tokens and answers in a step
    home: int = 0  # the pool it belongs to
    waits: list[Part] = field(default_factory=list)  # in order
    prompts: list[Part] = field(default_factory=list)  # of these the prompts, as they came
    stopped: list[Part] = field(default_factory=list)  # of these the answers that were cut short
    parts: dict[int, list[Part]] = field(default_factory=dict)  # all it has, by request
    batch: list[Part] = field(default_factory=list)
    tokens: int = 0  # of the step under way
    held: float = 0.0  # KV tokens
    promised: float = 0.0  # KV tokens of all that was ever sent here and is not done
    load: int = 0  # prompt tokens and answers that are not done
    since_s: float = 0.0
    each_s: float = 0.0
    steps: int = 0
    due_s: float = np.inf
    cut: bool = False  # the run ends with the step under way

    def wait(self, part: Part) -> None:
        """Let a part wait, behind those passed over less often, then as requests came."""
        insort(self.waits, part, key=lambda one: (one.passed, one.request))
        if part.prompt:
            self.prompts.append(part)

    def come(self, part: Part, now_s: float) -> None:
        """Take a part; a run of steps it may enter ends with the step under way.

        It may where it has room in the budget beside all others, a prompt also beside prompts
        alone. Else the run goes on until somebody's answer is done.

        Source: Splitwise's simulator (ISCA 2024), Mutinifni/splitwise-sim.
        """
        self.parts.setdefault(part.request, []).append(part)
        self.wait(part)
        if not self.batch:
            if self.held + part.size <= self.may.kv_tokens:
                self.begin(now_s)
            return
        answers = sum(not one.prompt for one in self.batch)
        fits = len(self.batch) < self.may.batch and self.tokens + part.tokens <= self.may.budget
        alone = part.prompt and answers and self.tokens - answers + part.tokens <= self.may.budget
        if fits or alone:
            self.stop(now_s)

    def look(self, now_s: float) -> None:
        """Look at the list once more: memory came free."""
        if not self.waits:
            return
        if not self.batch:
            if self.held + self.waits[0].size <= self.may.kv_tokens:
                self.begin(now_s)
        elif len(self.batch) < self.may.batch and self.tokens < self.may.budget:
            self.stop(now_s)

    def stop(self, now_s: float) -> None:
        """End the run of answers' steps with the one under way."""
        if self.cut or any(part.prompt for part in self.batch):
            return
        self.cut = True
        self.steps = int((now_s - self.since_s) // self.each_s) + 1
        self.due_s = self.since_s + self.each_s * self.steps

    def chosen(self) -> list[Part]:
        """Return who is in the next step.

        First who was passed over too often, then prompts as they came, then answers cut short, then
        those that ran, then whoever waits, in order of arrival; each as long as there is room.
        """
        step = _Step(self.may, self.held)
        for part in self.waits:
            if part.passed < self.may.most_passed or not step.room(part):
                break
            if step.lacks(part) and step.fits(part):
                step.add(part)
        step.fill([*self.prompts], known=True)
        step.fill([*self.stopped], known=True)
        step.fill([*self.batch], known=True)
        step.fill([self.parts[i][0] for i in sorted(self.parts)], known=False)
        self.tokens = step.tokens
        return step.made

    def begin(self, now_s: float) -> None:
        """Start the next run of equal steps, if somebody has room."""
        made = self.chosen()
        kept = set(map(id, made))
        for part in [part for part in self.batch if id(part) not in kept]:
            self.batch.remove(part)
            self.wait(part)
            self.stopped.append(part)
        running = set(map(id, self.batch))
        new = [part for part in made if id(part) not in running]
        if new:
            going = set(map(id, new))
            self.waits = [part for part in self.waits if id(part) not in going]
            self.prompts = [part for part in self.prompts if id(part) not in going]
            self.stopped = [part for part in self.stopped if id(part) not in going]
            self.batch += new
        for some in self.parts.values():
            some[0].passed += id(some[0]) not in kept
        self.cut, self.since_s = False, now_s
        if not self.batch:
            self.due_s = np.inf
            return
        for part in new:
            self.held += 0 if part.began else part.size
            part.began = True
        prompts = [part for part in self.batch if part.prompt]
        self.each_s = self.step_s(sum(p.tokens for p in prompts), len(self.batch) - len(prompts))
        self.steps = 1 if prompts else min(part.left for part in self.batch)
        self.due_s = now_s + self.each_s * self.steps

    def end(self) -> list[Part]:
        """Book the run that ends now; return the parts that are done, in order."""
        for part in self.batch:
            part.left -= self.steps
        done = [part for part in self.batch if part.left <= 0]
        self.batch = [part for part in self.batch if part.left > 0]
        for part in done:
            self.parts[part.request].remove(part)
            if not self.parts[part.request]:
                del self.parts[part.request]
        return done
