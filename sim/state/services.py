"""What a service is to those who run it: names and numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

from sim.state.arrays import F8, Ints
from sim.state.fates import Fates

STAGES = ("node", "image", "weights", "warm_up")
"""The stages of a cold start, in order."""


class Precedence(NamedTuple):
    """Who of a service's requests is let in first, by class."""

    ranks: dict[str, int]  # lower first; a class without one has 0
    door: tuple[str, ...]  # classes nobody waits for: at the door, behind all others
    door_seats: int | None  # sequences on a replica below which it takes of these; None: its batch
    door_kv_frac: float  # of its KV memory, likewise
    deadline_s: float  # within which these are to be answered
    displaces: bool  # room is made for one who waits


class Serving(NamedTuple):
    """One service, in numbers."""

    name: str
    gpus: int  # of a replica
    gpu_types: str | None  # allowed ones, as in job_request; None: any
    decode_s: tuple[float, float, float]  # step times: see engine.serving.StepTime
    mixed_s: tuple[float, float, float, float, float]
    batch: int
    chunked: bool
    chunk_tokens: int
    prompt_tokens: int
    kv_tokens: int
    grow: bool
    prefix_hit_frac: float
    route: str
    most_open: int | None  # requests outstanding on a replica from which on more are shed
    least: int  # replicas
    most: int
    first: int | None  # ready at instant 0, as far as there are GPUs; None: the autoscaler says
    stages_s: tuple[float, ...]  # of a cold start: see STAGES
    image_stays: bool  # a node that had the image has it
    warm_replicas: int  # that many kept at hand, their first stages done
    warm_stages: int  # so many of them
    scrape_s: float  # how often its numbers are read; 0: as the autoscaler has them read
    lag_s: float  # how old they are when an autoscaler sees them
    slo_ttft_s: float
    slo_tpot_s: float
    slo_by_class: dict[str, tuple[float, float]]  # the two of classes that have their own
    notes: tuple[str, ...] = ()  # what a reader should know of it
    gpu: str | None = None  # the type that its step time is of; None: not told
    gpu_h_usd: float | None = None  # what an hour of one of its GPUs costs; None: not told
    model: str | None = None  # None: not told
    kv_token_bytes: float | None = None  # KV memory of a token; None: not told
    order: Precedence | None = None  # None: as they come
    kv_spare_frac: float = 0.0  # of KV memory, free whenever one is let in
    padded: bool = False  # prompts count as long as the longest of a step
    tile_tokens: int = 1  # what comes to a step by its tokens: see engine.step_time.StepTime
    decode_more_s: tuple[float, ...] = ()
    mixed_more_s: tuple[float, ...] = ()
    pool: str = ""  # which part of the service, where prompts and decoding are apart
    link: tuple[float, float] | None = None
    """Seconds a token and beside these that KV memory takes from the pool listed before; None: it
    is asked by people."""
    link_Bps: float = 0.0  # where that goes over the fabric's links, at most; 0: over a link apart

    @property
    def title(self) -> str:
        """Return the name of the service, or of this pool of it."""
        return f"{self.name}/{self.pool}" if self.pool else self.name

    @property
    def kv_spare_tokens(self) -> int:
        """Return the tokens of KV memory that stay free whenever a request is let in."""
        return int(self.kv_spare_frac * self.kv_tokens)

    @property
    def dotted(self) -> str:
        """Return what stands before a knob of its replicas in a configuration."""
        return f"{self.pool}." if self.pool else ""


class Served(NamedTuple):
    """What became of one service: columns, and rows of numbers."""

    of: Serving
    arrival_s: F8  # (n,) of its requests
    prompt: Ints
    output: Ints
    klass: Ints
    classes: tuple[str, ...]
    fates: Fates  # of those that came before the end
    log: Any  # (columns, k): one row an interval, as `table_served.SERVICES` from time_s on
    replicas: Any  # a row a replica: place, asked_s, start_s, ready_s, told_s, end_s, why
    notes: tuple[str, ...] = ()  # what a reader should know of how it went
