"""`python -m experiments.validation.fit_published`: fit the constants of `sim.physics.roofs`.

Three a GPU, model and bits, to the published figures of `published` at every other of LENGTHS, the
first, third, … (FIT); the others are in no fit, and judge. Least squares of the logarithm of ours
over theirs, within what is physics: a fraction up to 1, a layer's time from 10 us. Prints besides
what a fit to 4 GPUs alone says of 1, 2 and 8. Takes about a minute.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import least_squares

from experiments.validation.published import FIT, LENGTHS, PUBLISHED, Key, tokens_per_s
from sim.physics.calibration import named
from sim.physics.roofs import SHARED
from sim.physics.step_time import Roof

LEAST, MOST = np.array([0.2, 0.2, 10e-6]), np.array([1.0, 1.0, 300e-6])
STARTS = [(0.7, 0.8, 90e-6), (0.65, 0.55, 50e-6), (0.75, 0.6, 130e-6)]
Kind = tuple[str, str, int]
"""Model, GPU, bits."""


def roof(x: np.ndarray) -> Roof:
    """Return the constants for x, each from 0 (LEAST) to 1 (MOST): FLOPs, context, a layer."""
    flops_frac, context_frac, layer_s = (float(v) for v in LEAST + (MOST - LEAST) * x)
    return SHARED._replace(
        flops_frac=flops_frac, fp8_frac=flops_frac, context_frac=context_frac, layer_s=layer_s
    )  # fmt: skip


def missed(keys: Sequence[Key], of: Roof, which: Sequence[int] = FIT) -> np.ndarray:
    """Return the logarithm of ours over theirs at the published ones of `which` of LENGTHS."""
    return np.array([
        np.log(tokens_per_s(key, LENGTHS[at], roof=of) / PUBLISHED[key][at])
        for key in keys for at in which if PUBLISHED[key][at] == PUBLISHED[key][at]
    ])  # fmt: skip


def fitted(keys: Sequence[Key]) -> tuple[Roof, float]:
    """Return the constants, of the best of STARTS, and the root mean square error."""
    found = min(
        (
            least_squares(
                lambda x: missed(keys, roof(x)), (np.array(start) - LEAST) / (MOST - LEAST),
                bounds=(0.0, 1.0), diff_step=0.02, max_nfev=60,
            )
            for start in STARTS
        ),
        key=lambda one: one.cost,
    )  # fmt: skip
    return roof(found.x), float(np.sqrt(2.0 * found.cost / len(found.fun)))


def kinds() -> dict[Kind, list[Key]]:
    """Return the rows of PUBLISHED of each model, GPU and bits."""
    found: dict[Kind, list[Key]] = {}
    for key in PUBLISHED:
        found.setdefault((key[0], key[1], key[3]), []).append(key)
    return found


def main() -> None:
    """Print the rows of ROOFS, and how far other numbers of GPUs are from a fit to 4 alone."""
    for (model, gpu, bits), keys in kinds().items():
        one, error = fitted(keys)
        numbers = f"{one.flops_frac:.2f}, {one.context_frac:.2f}, {one.layer_s * 1e6:.0f}"
        name = f'("{gpu}", "{named(model)}", {bits})'
        print(f"{name}: _roof({numbers}),  # {100 * error:.1f} %", flush=True)
    for kind, keys in kinds().items():
        four = [key for key in keys if key[2] == 4]
        for key in [key for key in keys if four and key[2] != 4]:
            off = np.abs(np.expm1(missed([key], fitted(four)[0], range(len(LENGTHS)))))
            print(f"{kind}, fitted to 4 GPUs: {key[2]} are {100 * off.mean():.1f} % off")


if __name__ == "__main__":
    main()
