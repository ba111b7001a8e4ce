"""What a step of a batch takes, as a user says it and as the serving core reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.state.serving import TICKS_PER_S


def ticks(value_s: Any) -> NDArray[np.int64]:
    """Return seconds as whole picoseconds."""
    return np.rint(np.asarray(value_s, np.float64) * TICKS_PER_S).astype(np.int64)


@dataclass(frozen=True)
class StepTime:
    """Step time in seconds: decode d0 + dD D + dC C; else p0 + pP P + pS S + pD D + pC C.

    D decoding sequences, C their context tokens, P prompt tokens of the step, S the sum of
    n (n + 2 done) over its chunks of n tokens. To that comes, of a step that computes P + D tokens,
    in tiles of `tile_tokens` the k-th (from 1) entry of `decode_more_s`, or of `mixed_more_s` where
    it has prompts; beyond their ends the last. In a run of equal steps P + D stays, so that runs
    still are summed in closed form.

    Neglects: whatever is neither linear in these nor told by the number of tokens.
    """

    decode_s: tuple[float, float, float]
    mixed_s: tuple[float, float, float, float, float]
    tile_tokens: int = 1
    decode_more_s: Sequence[float] = ()
    mixed_more_s: Sequence[float] = ()

    def rules(self) -> NDArray[np.int64]:
        """Return the eight coefficients in ticks."""
        return ticks((*self.decode_s, *self.mixed_s))

    def more(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return in ticks by tokens, from none on, what comes to both kinds of step."""
        decode, mixed = (
            np.append(np.zeros(1, np.int64), np.repeat(ticks(of_s), self.tile_tokens))
            if len(of_s)
            else np.zeros(1, np.int64)
            for of_s in (self.decode_more_s, self.mixed_more_s)
        )
        return decode, mixed

    def least_s(self) -> float:
        """Return a time that no step is below; a step that is none if it is not above 0."""
        return min(
            first + min((0.0, *of_s))
            for first, of_s in (
                (self.decode_s[0], self.decode_more_s),
                (self.mixed_s[0], self.mixed_more_s),
            )
        )

    def faults(self) -> list[str]:
        """Return what is wrong with it."""
        found = []
        if min(*self.decode_s, *self.mixed_s) < 0 or self.decode_s[0] <= 0:
            found.append("service.step: is negative or zero; must be positive, slopes at least 0")
        more = (*self.decode_more_s, *self.mixed_more_s)
        if self.tile_tokens < 1 or (more and not (np.isfinite(more).all() and self.least_s() > 0)):
            found.append(
                f"service.step: has {self.tile_tokens} tokens a tile, {self.least_s():g} s at "
                "the least; must be 1 or more, and above 0 s"
            )
        return found
