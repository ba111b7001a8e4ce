"""Another policy for each service, or each pool of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from sim.policies.autoscaler.base import F8, AbstractAutoscaler, Seen, Wish, refuse
from sim.policies.autoscaler.memory import last, last_s, note, told
from sim.policies.autoscaler.metrics import have
from sim.policies.autoscaler.none import NoAutoscaler

ASKED = 91


@final
@dataclass(frozen=True)
class ByPool(AbstractAutoscaler):
    """To each service its own policy, by its name, its pool's, or both as `llm/prefill`.

    Each is asked when its own `every_s` is over, and keeps its own notes; in between its last wish
    stands. Services that share a policy are told to it together.

    Source: NVIDIA Dynamo's planner, llm-d: prefill and decode are scaled each by its own numbers.
    Neglects: that one pool's policy could look at the other; a policy is asked late where its
    `every_s` is no multiple of the least.
    """

    policies: Mapping[str, AbstractAutoscaler] = field(default_factory=dict)
    otherwise: AbstractAutoscaler = field(default_factory=NoAutoscaler)

    def __post_init__(self) -> None:
        """Ask as often as the most eager does."""
        if "" in self.policies:
            refuse(["autoscaler.policies: has an empty name; must be a service's or a pool's"])
        every = (*self.policies.values(), self.otherwise)
        object.__setattr__(self, "every_s", min(one.every_s for one in every))
        object.__setattr__(self, "scrape_s", min(one.scrape_s for one in every))
        object.__setattr__(self, "sees_ahead", any(one.sees_ahead for one in every))

    def names(self) -> tuple[str, ...]:
        """Return the services and pools that it names."""
        return tuple(map(str, self.policies))

    def key(self, name: str) -> str:
        """Return by which name the policy of a service or pool stands here, "" if by none."""
        service, _, pool = name.partition("/")
        return next((key for key in (name, pool, service) if key in self.policies), "")

    def of(self, name: str) -> AbstractAutoscaler:
        """Return the policy of a service or pool."""
        return self.policies.get(self.key(name), self.otherwise)

    def counts(self, name: str) -> Mapping[str, Sequence[float]]:
        """Return those of its policy."""
        where = f"policies.{self.key(name)}" if self.key(name) else "otherwise"
        return {f"{where}.{knob}": many for knob, many in self.of(name).counts(name).items()}

    def reads_s(self, name: str) -> float:
        """Return how often the numbers of a service or pool are read for its policy."""
        return self.of(name).reads_s(name)

    def start(self, seen: Seen) -> int:
        """Return what its policy says."""
        return self.of(seen.name).start(self.shown(seen))

    def shown(self, seen: Seen) -> Seen:
        """Return what its policy may see of a service."""
        return seen if self.of(seen.name).sees_ahead else seen._replace(ahead=None)

    def desired(self, seen: Seen, notes: F8) -> Wish:
        """Return its policy's wish."""
        return self.together([seen], [notes])[0]

    def together(self, seen: Sequence[Seen], notes: Sequence[F8]) -> list[Wish]:
        """Return a wish a service: its policy's if that is due, else the last."""
        made = {}
        for policy in {id(self.of(one.name)): self.of(one.name) for one in seen}.values():
            mine = [i for i, one in enumerate(seen) if self.of(one.name) is policy]
            due_s = [max(last_s(notes[i], ASKED), 0.0) + policy.every_s - 1e-9 for i in mine]
            due = [i for i, at_s in zip(mine, due_s, strict=True) if seen[i].now_s >= at_s]
            inner = [notes[i][notes[i][:, 0] != ASKED] for i in due]
            wishes = policy.together([self.shown(seen[i]) for i in due], inner) if due else []
            for i, wish in zip(due, wishes, strict=True):
                asked = note(ASKED, seen[i].now_s, wish.replicas)
                made[i] = Wish(wish.replicas, told(wish.notes, asked))
            for i in set(mine) - set(due):
                made[i] = Wish(int(last(notes[i], ASKED, have(seen[i]))), notes[i])
        return [made[i] for i in range(len(seen))]
