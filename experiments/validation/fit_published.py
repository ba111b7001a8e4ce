"""`python -m experiments.validation.fit_published`: fit the constants of `sim.physics.roofs`.

Two a GPU, model and bits, and a layer's time a model, for GPUs differ in reads and arithmetic, not
in the software between; to the published figures of `published` at every other of LENGTHS, the
first, third, ... (FIT). Those between are not in it, and judge. Least squares of the logarithm of
ours over theirs, within what is physics: a fraction up to 1, a layer's time from 10 us. Prints
besides what a fit to 4 GPUs alone says of 1, 2 and 8. Takes half a minute.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import least_squares

from experiments.validation.published import FIT, LENGTHS, PUBLISHED, Key, tokens_per_s
from sim.physics.calibration import named
from sim.physics.roofs import SHARED
from sim.physics.step_time import Roof

LEAST, MOST, START_FRAC = 0.2, 1.0, 0.7
LEAST_S, MOST_S, START_S = 10e-6, 300e-6, 60e-6
Kind = tuple[str, str, int]
"""Model, GPU, bits."""


def roofs(x: np.ndarray) -> list[Roof]:
    """Return the constants of each kind, x from 0 to 1: a layer's time, then FLOPs and context."""
    layer_s = LEAST_S + (MOST_S - LEAST_S) * float(x[0])
    pairs = LEAST + (MOST - LEAST) * np.reshape(x[1:], (-1, 2))
    return [
        SHARED._replace(flops_frac=a, fp8_frac=a, context_frac=b, layer_s=layer_s)
        for a, b in pairs.tolist()
    ]


def missed(keys: Sequence[Key], of: Roof, which: Sequence[int] = FIT) -> np.ndarray:
    """Return the logarithm of ours over theirs at the published ones of `which` of LENGTHS."""
    return np.array([
        np.log(tokens_per_s(key, LENGTHS[at], roof=of) / PUBLISHED[key][at])
        for key in keys for at in which if PUBLISHED[key][at] == PUBLISHED[key][at]
    ])  # fmt: skip


def fitted(groups: Sequence[Sequence[Key]]) -> tuple[list[Roof], float]:
    """Return the constants of each group of rows of a model, and the root mean square error."""

    def off(x: np.ndarray) -> np.ndarray:
        """Return how far all of them are."""
        return np.concatenate([missed(*one) for one in zip(groups, roofs(x), strict=True)])

    start = np.full(1 + 2 * len(groups), (START_FRAC - LEAST) / (MOST - LEAST))
    start[0] = (START_S - LEAST_S) / (MOST_S - LEAST_S)
    found = least_squares(off, start, bounds=(0.0, 1.0), diff_step=0.02, max_nfev=40)
    return roofs(found.x), float(np.sqrt(2.0 * found.cost / len(found.fun)))


def kinds() -> dict[str, dict[Kind, list[Key]]]:
    """Return the rows of PUBLISHED of each GPU and bits, by model."""
    found: dict[str, dict[Kind, list[Key]]] = {}
    for key in PUBLISHED:
        found.setdefault(key[0], {}).setdefault((key[0], key[1], key[3]), []).append(key)
    return found


def main() -> None:
    """Print the rows of ROOFS, and how far other numbers of GPUs are from a fit to 4 alone."""
    for model, groups in kinds().items():
        found, error = fitted(list(groups.values()))
        print(f"{model}: {1e6 * found[0].layer_s:.0f} us a layer; {100 * error:.1f} %", flush=True)
        for (_, gpu, bits), one in zip(groups, found, strict=True):
            numbers = f"{one.flops_frac:.2f}, {one.context_frac:.2f}"
            print(f'("{gpu}", "{named(model)}", {bits}): {numbers}', flush=True)
    groups = kinds()["llama_70b"]
    found, _ = fitted([[key for key in keys if key[2] == 4] for keys in groups.values()])
    for one, keys in zip(found, groups.values(), strict=True):
        for key in [key for key in keys if key[2] != 4]:
            off = np.abs(np.expm1(missed([key], one, range(len(LENGTHS)))))
            print(f"fitted to 4 GPUs: {key} is {100 * off.mean():.1f} % off", flush=True)


if __name__ == "__main__":
    main()
