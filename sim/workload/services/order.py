"""Who of a service's requests is let in first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from sim.state.services import Precedence
from sim.workload import rules
from sim.workload.services.base import AbstractOrder

MOST_PRIORITIES = 31


@final
@dataclass(frozen=True)
class FirstCome(AbstractOrder):
    """As they come, whatever their class."""

    def fill(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def issues(self, path: str) -> list[str]:
        """Return nothing."""
        del path
        return []


@final
@dataclass(frozen=True)
class ByPriority(AbstractOrder):
    """By the priority of their class, then as they come; some for when nobody else waits.

    Parameters
    ----------
    priority_by_class : whole numbers, the lower first, {chat: 0, agents: 1}; others have 0. On a
        replica the first of the lowest is let in first; the last of the highest goes back first,
        to be computed anew, when KV memory is full.
    displaces : one that finds no room has it made by those of higher numbers going back; else they
        stay until they are answered, or memory is full. Computing anew costs more than it may seem.
    offline_classes : requests nobody waits for. They stand at the service's door, not on a replica:
        one that nobody else waits for takes the first of them at the end of a step. They are the
        last of all, and go back to the door for any other. Routes, shedding and autoscalers do not
        see them: let min_replicas be above 0.
    offline_seats : sequences on a replica, all counted, below which it takes them; null: its batch.
    offline_kv_frac : of its KV memory, likewise.
    offline_deadline_s : within which they are to be answered, counted and not enforced.

    Source: vLLM, `--scheduling-policy priority`: the waiting by (priority, arrival), the last of
    the running preempted (v1/core/sched/scheduler.py); that one who waits displaces is V0's (pull
    request 5958), V1 does not. The door: requests online and offline on one engine, HyGen
    (arXiv 2501.14808), ConServe (arXiv 2410.01228). A day: OpenAI, Batch API, completion window.
    Neglects: steps made to fit a target by taking fewer offline requests; swapping KV memory.
    """

    priority_by_class: Mapping[str, int] | None = None
    displaces: bool = False
    offline_classes: Sequence[str] = ()
    offline_seats: int | None = None
    offline_kv_frac: float = 0.9
    offline_deadline_s: float = 86400.0

    def fill(self) -> dict[str, Any]:
        """Return its part of a Serving."""
        made = Precedence(
            {str(k): int(v) for k, v in (self.priority_by_class or {}).items()},
            tuple(map(str, self.offline_classes)),
            self.offline_seats, float(self.offline_kv_frac), float(self.offline_deadline_s),
            bool(self.displaces),
        )  # fmt: skip
        return {"order": made}

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters."""
        found = []
        given = self.priority_by_class
        if given is not None and not isinstance(given, Mapping):
            found.append(f"{path}.priority_by_class: is {given!r}; must be as {{chat: 0}}")
        else:
            for name, value in (given or {}).items():
                found += rules.whole(f"{path}.priority_by_class.{name}", value, 0)
        if not rules.is_list(self.offline_classes):
            told = f"is {self.offline_classes!r}; must be a list of classes"
            found.append(f"{path}.offline_classes: {told}")
        if self.offline_seats is not None:
            found += rules.whole(f"{path}.offline_seats", self.offline_seats, 1)
        if not (rules.is_number(self.offline_kv_frac) and 0 < self.offline_kv_frac <= 1):
            told = f"is {self.offline_kv_frac!r}; must be above 0, up to 1"
            found.append(f"{path}.offline_kv_frac: {told}")
        found += rules.above(f"{path}.offline_deadline_s", self.offline_deadline_s, 0)
        if not found:
            found += [
                f"{path}.priority_by_class.{name}: is of {path}.offline_classes too, which are "
                "behind all: leave one out"
                for name in self.offline_classes
                if name in (given or {})
            ]
            if len(set((given or {}).values())) > MOST_PRIORITIES:
                found.append(f"{path}.priority_by_class: must be {MOST_PRIORITIES} at most")
        return found
