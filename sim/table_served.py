"""The tables of services, moving nodes and links: each column's name, type, unit, meaning."""

from __future__ import annotations

from typing import Final

from sim.table import Column, Columns


def _f8(name: str, unit: str, meaning: str, required: bool = False) -> Column:
    return Column(name, "float64", unit, meaning, required)


def _i4(name: str, meaning: str, required: bool = False) -> Column:
    return Column(name, "int32", "count", meaning, required)


def _text(name: str, meaning: str, required: bool = False) -> Column:
    return Column(name, "string", "", meaning, required)


REQUEST_IN: Final[Columns] = (
    _f8("arrival_s", "s", "instant it comes; the first of a trace becomes 0", required=True),
    _i4("prompt_tokens", "tokens it brings", required=True),
    _i4("output_tokens", "tokens it is answered with", required=True),
    _text("class", "class of requests, for statistics"),
)
REQUESTS: Final[Columns] = (
    _text("service", "the service it asked", required=True),
    *REQUEST_IN,
    _text("fate", "answered, shed, or open when the run stopped", required=True),
    _f8("ttft_s", "s", "from its arrival to its first token; null: had none"),
    _f8("tpot_s", "s", "mean time of each token after the first; null: not answered in full"),
    _f8("e2e_s", "s", "from its arrival to its last token; null: not answered in full"),
    _i4("place", "the place, in its pool, of the replica that had it last; null: none had it"),
    _i4("preemptions", "times it was thrown out of a batch, or lost its replica", required=True),
)
REPLICAS: Final[Columns] = (
    _text("service", "the service, or service/pool where it has two", required=True),
    _i4("place", "which of the service's places it filled, from 0", required=True),
    _i4("gpus", "GPUs it held from start_s to end_s", required=True),
    _f8("asked_s", "s", "instant it was asked for", required=True),
    _f8("start_s", "s", "instant it had its GPUs; null: never"),
    _f8("ready_s", "s", "instant from which it took requests; null: never"),
    _f8("told_s", "s", "instant it was told to go; null: was not"),
    _f8("end_s", "s", "instant it was no more; null: still there when the run stopped"),
    _text("why", "why it went: drained, recalled, moved, node_fail, preempted, over; null: none"),
)
NODE_STATES: Final[Columns] = (
    _text("node", "name of the node", required=True),
    _text("pool", "the pool it belongs to", required=True),
    _i4("gpus", "GPUs it has", required=True),
    _text("state", "absent (not bought, retired), off, coming, on, leaving, lent", required=True),
    _f8("begin_s", "s", "instant from which it stood so", required=True),
    _f8("end_s", "s", "instant until which it stood so", required=True),
    _text(
        "why",
        "what ended it: asked, came, refused, given back, lent, interrupted, empty, delivered, "
        "retired; cut: the run stopped here",
        required=True,
    ),
    _f8("due_s", "s", "of one told to go: by then others want it; no column where none is told"),
)
STOPPED: Final[Columns] = (
    _text("job_id", "the job, or the place of a replica, that had to leave", required=True),
    _text("node", "the node that was to go", required=True),
    _f8("at_s", "s", "instant it was stopped, the notice over", required=True),
    _text("why", "why the node went: given back, lent, interrupted, retired", required=True),
    _f8("lost_s", "s", "work that it does again for it", required=True),
)
SERVICES: Final[Columns] = (
    _text("service", "the service, or service/pool where it has two", required=True),
    _f8("time_s", "s", "end of the interval", required=True),
    _f8("arrivals", "count", "requests that came in it", required=True),
    _f8("prompt_tokens", "count", "tokens they brought", required=True),
    _f8(
        "output_tokens",
        "count",
        "tokens of those answered in it; of one thrown out of a batch what it had, when it was",
        required=True,
    ),
    _f8("ended", "count", "requests answered in full in it", required=True),
    _f8(
        "running",
        "count",
        "requests in batches of ready replicas, mean over the interval",
        required=True,
    ),
    _f8(
        "waiting",
        "count",
        "requests in their queues or at the door, mean over the interval",
        required=True,
    ),
    _f8("kv_share", "", "KV memory in use at its end, mean over ready replicas; null: none"),
    _f8("ready", "count", "replicas that take requests, at its end", required=True),
    _f8("ttft_s", "s", "mean time to first token of those that had it in the interval"),
    _f8("tpot_s", "s", "mean time a token after the first, of the requests that ended"),
    _f8("shed", "count", "requests shed in it", required=True),
    _f8("asked", "count", "replicas that wait for GPUs, at its end", required=True),
    _f8("starting", "count", "replicas that come up, at its end", required=True),
    _f8("draining", "count", "replicas that answer what they have, at its end", required=True),
    _f8("leaving", "count", "requests on these, mean over time", required=True),
)
LINKS: Final[Columns] = (
    _text("link", "what it leads out of or between; the fullest come first", required=True),
    _f8("begin_s", "s", "from this instant", required=True),
    _f8("end_s", "s", "to this instant", required=True),
    _f8("sent_bytes", "bytes", "what it carried of jobs meanwhile", required=True),
    _f8("load_frac", "", "that over what it could have, had none of it failed", required=True),
)
FABRIC: Final[Columns] = (
    _text("one_kind", "what a link that jobs share joins: leaf, spine, …", required=True),
    _i4("one", "which of its kind, from 0", required=True),
    _text("other_kind", "and what at its other end", required=True),
    _i4("other", "which of its kind, from 0", required=True),
    _f8(
        "load_frac",
        "",
        "what jobs sent the fuller way over what it could have carried, mean over the run",
        required=True,
    ),
)
