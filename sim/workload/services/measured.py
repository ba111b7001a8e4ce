"""A replica whose step time is fitted to a user's own measurements, its error told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
import pyarrow as pa

from sim.errors import RackplanError, TraceError
from sim.files import find, open_bytes, sha256
from sim.state.arrays import F8
from sim.workload import rules
from sim.workload.check import as_float
from sim.workload.raw import Fault, Raw, error
from sim.workload.services.base import AbstractReplica
from sim.workload.services.replica import LlmReplica
from sim.workload.traces.table import read_csv, read_parquet

COLUMNS = ("prompt_tokens", "prompt_squares", "sequences", "context_tokens", "step_s")
"""Of a step: prompt tokens; the sum of n (n + 2 done) over its chunks of n; sequences that decode,
their context tokens; how long it took. Without `prompt_squares` a step is one whole prompt."""


class Fit(NamedTuple):
    """Step times fitted to measurements, and the mean error of each kind of step, a share."""

    decode_s: tuple[float, ...]
    mixed_s: tuple[float, ...]
    decode_error: float
    mixed_error: float
    decode_more_s: tuple[float, ...] = ()  # beside the line, by the tokens of a step, in tiles
    mixed_more_s: tuple[float, ...] = ()


def fitted(terms: F8, step_s: F8) -> tuple[F8, float]:
    """Return weights >= 0 of least relative squared error, (k,), and the mean relative error.

    What would be negative is set to 0 and the rest fitted anew; a step's own time, first, stays.
    """
    kept = np.ones(terms.shape[1], np.bool_)
    found = np.zeros(terms.shape[1])
    scale = np.maximum(np.abs(terms).max(axis=0), 1e-300)
    while True:
        made = terms[:, kept] / scale[kept] / step_s[:, None]
        got = np.linalg.lstsq(made, np.ones(len(step_s)), rcond=None)[0] / scale[kept]
        found[:] = 0.0
        found[kept] = got
        if (found >= 0.0).all() or kept.sum() == 1:
            found = np.maximum(found, 0.0)
            return found, float(np.mean(np.abs(terms @ found / step_s - 1.0)))
        worst = np.where(kept, found * scale, np.inf)
        worst[0] = np.inf
        kept[int(np.argmin(worst))] = False


def tiled(terms: F8, step_s: F8, tokens: F8, tile_tokens: int) -> tuple[F8, F8, float]:
    """Return weights >= 0, (k,), what comes to them by tile of tokens, (tiles,), the mean error.

    Both are found at once: least squared error in seconds, so that what many steps take together
    is met, and the sum over tiles of its squared part, as if one step more had been measured there
    that is on the line. A tile without a step lies straight between the next that have some; before
    the first and beyond the last it has what that has. Negative weights as in `fitted`.

    Source: ridge regression (Hoerl and Kennard, 1970), the tiles eliminated: part = sum of what
    the line leaves / (steps + 1).
    """
    tiles, at = np.unique(-(-tokens // tile_tokens), return_inverse=True)
    scale = np.maximum(np.abs(terms).max(axis=0), 1e-300)
    made, many = terms / scale, np.bincount(at)

    def summed(of: F8) -> F8:
        """Return the sums by tile, (tiles, k)."""
        return np.stack([np.bincount(at, column) for column in of.T], 1)

    by_tile, left = summed(made), summed(step_s[:, None])
    shrunk = by_tile / (many + 1.0)[:, None]
    square, cross = made.T @ made - by_tile.T @ shrunk, made.T @ step_s - (shrunk.T @ left)[:, 0]
    kept, found = np.ones(len(scale), np.bool_), np.zeros(len(scale))
    while True:
        found[:] = 0.0
        found[kept] = np.linalg.lstsq(square[np.ix_(kept, kept)], cross[kept], rcond=None)[0]
        if (found >= 0.0).all() or kept.sum() == 1:
            break
        worst = np.where(kept, found, np.inf)
        worst[0] = np.inf
        kept[int(np.argmin(worst))] = False
    found = np.maximum(found, 0.0)
    part = (left[:, 0] - by_tile @ found) / (many + 1.0)
    more = np.interp(np.arange(1.0, tiles[-1] + 1.0), tiles, part)
    error = np.abs((made @ found + part[at]) / step_s - 1.0)
    return found / scale, more, float(error.mean())


def steps_of(raw: Raw, path: str) -> dict[str, F8]:
    """Return the columns of a table of steps, by name; TraceError tells of its bad rows."""
    columns, faults = {}, list(raw.faults)
    for name in [name for name in COLUMNS if name in raw.table.column_names]:
        values, unread = as_float(raw.table.column(name))
        timed = name == "step_s"
        bad = ~((values > 0.0 if timed else values >= 0.0) & (values < np.inf))
        rows = np.flatnonzero(bad if unread is None else bad | unread)
        shown = raw.table.column(name).take(pa.array(rows)).to_pylist()
        for line, value in zip(raw.lines(rows).tolist(), shown, strict=True):
            told = "" if value is None else str(value)
            must = "must be a finite number " + ("above 0" if timed else "at least 0")
            faults.append(Fault(line, name, told, must))
        columns[name] = values
    if faults:
        raise error(path, faults)
    return columns


def fit(path: str, tile_tokens: int = 0) -> Fit:
    """Return the step times of a CSV or Parquet file of steps; TraceError if it is none.

    With `tile_tokens` also what the number of tokens adds, see `tiled`; else the line alone.
    """
    place = find(path)
    with open_bytes(place) as file:
        raw = read_parquet(place) if file.read(4) == b"PAR1" else read_csv(place, COLUMNS)
    have = raw.table.column_names
    if missing := [n for n in COLUMNS if n not in have and n != "prompt_squares"]:
        raise TraceError(path, remedy=f"lacks the required {', '.join(missing)}")
    columns = steps_of(raw, path)
    prompt, sequences, context, step_s = (columns[n] for n in COLUMNS if n != "prompt_squares")
    square = columns.get("prompt_squares", prompt**2)
    one, mixed = np.ones(len(step_s)), prompt > 0
    for rows, what, least in ((~mixed, "without prompts", 3), (mixed, "with prompts", 5)):
        if rows.sum() < least:
            raise TraceError(
                path, remedy=f"has {rows.sum()} steps {what}; must have {least} at least"
            )
    alone = np.stack([one, sequences, context], 1)[~mixed], step_s[~mixed]
    beside = np.stack([one, prompt, square, sequences, context], 1)[mixed], step_s[mixed]
    if not tile_tokens:
        decode, first = fitted(*alone)
        both, second = fitted(*beside)
        return Fit(tuple(decode.tolist()), tuple(both.tolist()), first, second)
    tokens = np.maximum(prompt + sequences, 1.0)
    decode, decode_more, first = tiled(*alone, tokens[~mixed], tile_tokens)
    both, mixed_more, second = tiled(*beside, tokens[mixed], tile_tokens)
    of_decode, of_mixed = tuple(decode_more.tolist()), tuple(mixed_more.tolist())
    line_of = tuple(decode.tolist()), tuple(both.tolist())
    return Fit(*line_of, first, second, of_decode, of_mixed)


@final
@dataclass(frozen=True)
class MeasuredReplica(AbstractReplica):
    """As LlmReplica, its step times fitted to measured steps: the file's columns are COLUMNS.

    The mean error of the fit stands in the notes of a run.

    Parameters
    ----------
    path : CSV or Parquet, a row a step.
    tile_tokens : 0, a line alone; else also what the number of tokens that a step computes adds to
        it, in tiles of so many: kernels work in tiles, so that steps are stairs. 8 where there are
        some thousand steps.

    The others are those of LlmReplica.

    Source: relative least squares; with tiles `tiled`; the form is that of LlmReplica. Vidur's
    steps, fitted on one replica and judged on another: 2.9 % off as a line, 0.6 % in tiles of 8.
    Neglects: what of a step time is neither; the error says how much. Estimates in closed form
    (capacity, autoscalers that reckon with a model) have the line alone.
    """

    path: str
    tile_tokens: int = 0
    gpus: int = 4
    gpu_types: str | None = None
    batch: int = 256
    chunked: bool = True
    chunk_tokens: int = 2048
    prompt_tokens: int = 8192
    kv_tokens: int = 447_000
    padded: bool = False
    grow: bool = True
    kv_spare_frac: float = 0.0
    prefix_hit_frac: float = 0.0

    def plain(self, found: Fit) -> LlmReplica:
        """Return the replica with these step times."""
        knobs = {n: getattr(self, n) for n in self.__dataclass_fields__ if n != "path"}
        times = found._asdict()
        own = {n: times[n] for n in ("decode_s", "mixed_s", "decode_more_s", "mixed_more_s")}
        return LlmReplica(**(knobs | own | {"tile_tokens": max(self.tile_tokens, 1)}))

    def issues(self, path: str) -> list[str]:
        """Return every fault of the parameters and of the file."""
        found = rules.whole(f"{path}.tile_tokens", self.tile_tokens, 0)
        if found:
            return found
        try:
            made = fit(self.path, self.tile_tokens)
        except (RackplanError, OSError, ValueError, TypeError) as fault:
            found += [f"{path}.path: {text}" for text in getattr(fault, "issues", [fault])]
            made = Fit((1.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 0.0), 0.0, 0.0)
        return found + self.plain(made).issues(path)

    def fill(self) -> dict[str, Any]:
        """Return its part of a Serving."""
        made = fit(self.path, self.tile_tokens)
        errors = f"{100 * made.decode_error:.1f} % of decode, {100 * made.mixed_error:.1f} %"
        tiles = f", in tiles of {self.tile_tokens} tokens" if self.tile_tokens else ""
        note = (
            f"step times fitted to {self.path} (SHA-256 {sha256(find(self.path))[:12]}){tiles}: "
            f"mean error {errors} of steps with prompts; KV memory for {self.kv_tokens:,} tokens"
        )
        return self.plain(made).fill() | {"notes": (note,)}
