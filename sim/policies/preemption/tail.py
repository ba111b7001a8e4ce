"""Who is behind in order gives way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, final

from sim.errors import ScenarioError
from sim.policies.preemption.base import AbstractPreemption, Yield, wrong

Mode = Literal["requeue", "cancel", "suspend"]
Victims = Literal["tail", "youngest", "least_lost", "smallest", "lowest", "slurm"]
WEIGHTS: dict[str, dict[str, Any]] = {
    "tail": {},
    "youngest": {"youngest": 1.0},
    "least_lost": {"least_lost": 1.0},
    "smallest": {"smallest": 1.0},
    "lowest": {"lowest": 1.0},
    "slurm": {"lowest": 1e9, "smallest": 1.0},  # priority first: no job has 1e9 GPUs
}


@final
@dataclass(frozen=True)
class Tail(AbstractPreemption):
    """A blocked job takes the nodes of running jobs behind it in the queue's order.

    The queue decides what "behind" is: `queue=priority` is preemption by priority, `queue=las` by
    attained service. `victims` decides who of them goes first: the last in order, the youngest run,
    who would lose least GPU time of work, the smallest, the lowest priority, or as Slurm the lowest
    priority and then the smallest. No more give way than it needs (`recheck` times the last found
    is put first and the rest asked again), and none if all would not suffice. With `strictly`, jobs
    of equal key do not; `min_run_s` leaves a job alone after its start.

    What becomes of them is `mode`: back to the queue, after `requeue_delay_s`, with work kept in
    steps of `checkpoint_s` (0 keeps all, inf starts anew) and `cost_s` of it more to do; cancelled;
    or suspended: they lose nothing, and go on where they were before anybody behind them gets those
    nodes. With `round_s` > 0 passes are made only at multiples of it, and GPUs are held until one.
    `in_vain` is Blox's own way: jobs give way even where the taker then still does not fit.

    Source: Slurm's PreemptMode REQUEUE, CANCEL, SUSPEND, preempt_reorder_count,
    preempt_youngest_first; kube-scheduler (lowest priority first); Blox (EuroSys 2024).
    Neglects: grace time; that a job may leave only some of its nodes. Slurm leaves GPUs allocated
    to a suspended job, so that suspending gains no GPU there; here the taker gets them, as if state
    were moved to the node's memory, which is taken to suffice. A suspended job keeps its key.
    With `suspend` plans behind a blocked job keep nodes whole, as with reservations.
    """

    strictly: bool = True
    min_run_s: float = 0.0
    checkpoint_s: float = 0.0
    cost_s: float = 0.0
    round_s: float = 0.0
    requeue_delay_s: float = 0.0
    in_vain: bool = False
    victims: Victims = "tail"
    mode: Mode = "requeue"
    recheck: int = 0

    def rule(self) -> Yield:
        """Return a rule by which jobs behind give way."""
        found = wrong(self)
        if self.recheck < 0:
            found.append(f"preemption.recheck: is {self.recheck!r}; must be a whole number >= 0")
        if found:
            raise ScenarioError(found)
        made = Yield(
            tail=True, strictly=self.strictly, in_vain=self.in_vain, min_run_s=self.min_run_s,
            checkpoint_s=self.checkpoint_s, cost_s=self.cost_s, round_s=self.round_s,
            requeue_s=self.requeue_delay_s, cancels=self.mode == "cancel",
            suspends=self.mode == "suspend", recheck=self.recheck,
        )  # fmt: skip
        return made._replace(**WEIGHTS[self.victims])
