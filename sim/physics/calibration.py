"""Step times fitted to published tables, by GPU, model, GPUs a replica and weights."""

from __future__ import annotations

from sim.physics.step_time import Step

Key = tuple[str, str, int, int, str]
"""GPU, model, GPUs a replica, bits of the weights, software."""

# Fitted to NVIDIA AIConfigurator 0.12 (Apache-2.0), 66 points each: d0 ms, dD ms, dC us a token,
# p0 ms, pP us a token, pS ns a token squared; the fit's mean error, % of decoding and of prompts.
# fmt: off
FITS: dict[Key, tuple[float, ...]] = {
    ("a100", "llama-3.1-70b", 4, 16, "vllm"):
        (27.652, 0.09611, 0.0593, 18.409, 155.397, 0.9224, 2.7, 2.5),
    ("a100", "llama-3.1-70b", 8, 16, "vllm"):
        (17.249, 0.06857, 0.0273, 13.128, 104.203, -0.7743, 3.0, 5.6),
    ("h100", "llama-3.1-70b", 4, 16, "vllm"):
        (15.198, 0.03234, 0.0264, 10.076, 56.454, 1.3709, 1.5, 3.9),
    ("h100", "llama-3.1-70b", 8, 16, "vllm"):
        (9.953, 0.0236, 0.0135, 7.907, 37.282, 0.4245, 2.3, 2.0),
    ("h200", "llama-3.1-70b", 4, 16, "vllm"):
        (12.183, 0.03208, 0.0185, 7.621, 56.718, 1.4774, 2.2, 3.0),
    ("h200", "llama-3.1-70b", 8, 16, "vllm"):
        (8.173, 0.02475, 0.0098, 6.679, 36.005, 0.5359, 2.0, 2.4),
    ("h100", "llama-3.1-8b", 1, 16, "vllm"):
        (6.381, 0.01096, 0.0415, 4.034, 17.587, 0.8438, 2.3, 5.0),
    ("h200", "llama-3.1-8b", 1, 16, "vllm"):
        (4.941, 0.01092, 0.0295, 2.803, 18.198, 0.7883, 1.9, 4.6),
    ("a100", "llama-3.1-8b", 1, 16, "vllm"):
        (11.616, 0.03002, 0.0825, 7.829, 54.377, 1.6524, 2.8, 1.1),
    ("b200", "llama-3.1-70b", 4, 16, "vllm"):
        (9.022, 0.0248, 0.0122, 9.126, 29.3, 0.6575, 2.5, 2.0),
    ("b200", "llama-3.1-70b", 4, 8, "trtllm"):
        (10.142, 0.02343, 0.0062, 11.943, 23.989, 0.0798, 1.3, 1.5),
}
# fmt: on


def _step(fit: tuple[float, ...]) -> Step:
    fixed, each, token, prompt, per, square = fit[:6]
    decode = (fixed * 1e-3, each * 1e-3, token * 1e-6)
    mixed = (max(fixed, prompt) * 1e-3, per * 1e-6, max(square, 0.0) * 1e-9, decode[1], decode[2])
    return Step(decode, mixed)


TABLE: dict[Key, Step] = {key: _step(fit) for key, fit in FITS.items()}
"""Step times of today's software.

A step that carries prompts reads the weights too, so p0 is at least d0; its decoding sequences cost
what they cost without (pD = dD, pC = dC), for the tables have no mixed steps. A slope below 0 is 0.
Neglects: what is not linear: 1.3 to 3.0 % of a decode step, 1.1 to 5.6 % of a prompt, on average,
at the points that were fitted. Beyond them, with more than 64 sequences, more and more: one takes
dD there, but arithmetic's pP from 116 to 212 tokens a step on; see `bends.slower`. How far the
published tables are from a GPU is not known here.
"""


def lines_of(key: Key) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return d0, dD, dC of decode steps and p0, pP, pS of prompts as fitted; a slope < 0 is 0."""
    fixed, each, token, prompt, per, square = FITS[key][:6]
    decode = fixed * 1e-3, each * 1e-3, token * 1e-6
    return decode, (prompt * 1e-3, per * 1e-6, max(square, 0.0) * 1e-9)


ALIASES = {
    "llama_8b": "llama-3.1-8b",
    "llama_70b": "llama-3.1-70b",
    "llama_2_70b": "llama-2-70b",
    "codellama_34b": "codellama-34b",
    "opt_66b": "opt-66b",
}
"""What a command line calls a model."""
ROOFLINE_ERROR = "a roofline, within 19 % of a decode step and 14 % of a prompt where tables are"


def named(model: str) -> str:
    """Return a model's own name where it is called by another."""
    return ALIASES.get(model, model)


def error_of(gpu: str, model: str, gpus: int, bits: int, software: str) -> str:
    """Return in words how far the row of the table is from what it was fitted to."""
    fit = FITS.get((gpu, model, gpus, bits, software))
    if fit is None:
        return "given, not from the table"
    return (
        f"fitted to AIConfigurator 0.12, {software}, mean error {fit[6]:g} % of decode steps, "
        f"{fit[7]:g} % of prompts"
    )


def choices(gpu: str, model: str) -> list[tuple[int, int, str]]:
    """Return the (GPUs a replica, bits, software) there are for a GPU and a model."""
    return [key[2:] for key in TABLE if key[:2] == (gpu, model)]


def measured(gpu: str, model: str) -> str:
    """Return in words what of `choices` there is; "" is nothing."""
    return " or ".join(f"{n} GPUs, {b} bit, {s}" for n, b, s in choices(gpu, model))


def fault(gpu: str, model: str, gpus: int, bits: int, software: str, path: str) -> str | None:
    """Return what to do where the table has no such row, as `path: is …; must be …`; else None."""
    if (gpu, model, gpus, bits, software) in TABLE:
        return None
    known = measured(gpu, model)
    told = f"must be one of: {known}" if known else "has no measured step time"
    return (
        f"{path}: is {gpus}, for {model} on {gpu}, {bits} bit, {software}; {told}; or say "
        "step_time=roofline, or give decode_s and mixed_s of your own"
    )
