"""Human quantities to SI and back: `2 h`, `400 Gbps`, `64 GiB`, `90 %`.

Names carry their unit (`_s _bytes _Bps _W _J _usd _frac _per_s`); inside all is SI and float64.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from sim.errors import UnitError

MINUTE_S: Final = 60.0
HOUR_S: Final = 3600.0
DAY_S: Final = 86400.0
WEEK_S: Final = 7 * DAY_S

_TIME = {
    "ns": 1e-9,
    "us": 1e-6,
    "ms": 1e-3,
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), MINUTE_S),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), HOUR_S),
    **dict.fromkeys(("d", "day", "days"), DAY_S),
    **dict.fromkeys(("w", "week", "weeks"), WEEK_S),
}
_DECIMAL = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}
_PREFIX = {**_DECIMAL, **_BINARY}
_BYTES = {p + "B": f for p, f in _PREFIX.items()} | {"bytes": 1.0, "byte": 1.0}
_BYTE_RATE = {p + "B" + per: f for p, f in _PREFIX.items() for per in ("/s", "ps")}
_BIT_RATE = {p + b: f / 8 for p, f in _PREFIX.items() for b in ("bps", "bit/s", "b/s")}
_USD = {f"{p}{u}": _DECIMAL[p] for p in ("", "k", "M") for u in ("usd", "USD", "$")}

UNITS: Final[Mapping[str, Mapping[str, float]]] = {
    "s": _TIME,
    "bytes": _BYTES,
    "Bps": {**_BYTE_RATE, **_BIT_RATE},
    "W": {"mW": 1e-3} | {p + "W": f for p, f in _DECIMAL.items()},
    "J": {p + "J": f for p, f in _DECIMAL.items()}
    | {p + "Wh": 3600 * f for p, f in _DECIMAL.items()},
    "usd": _USD,
    "frac": {"%": 0.01, "percent": 0.01},
    "per_s": {f"{per}{unit}": 1 / f for unit, f in _TIME.items() for per in ("/", "per")},
}
EXAMPLE: Final[Mapping[str, str]] = {
    "s": "`90 s`, `2 h` or `1 d 4 h`",
    "bytes": "`64 GiB` or `2 TB`",
    "Bps": "`400 Gbps` or `50 GB/s`",
    "W": "`700 W` or `10 kW`",
    "J": "`3.6 MJ` or `1 kWh`",
    "usd": "`2.50 usd`",
    "frac": "`0.9` or `90 %`",
    "per_s": "`0.5` or `120 per h`",
}
_NUMBER = r"[+-]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_TERM = re.compile(rf"\s*({_NUMBER})\s*([^\d\s+\-.](?:[^\d+\-.]*[^\d\s+\-.])?)?\s*", re.ASCII)
_INFINITE = {"inf": math.inf, "+inf": math.inf, "-inf": -math.inf, ".inf": math.inf}


def suffix_of(name: str) -> str:
    """Return the unit that a name ends in, such as `Bps` of `bandwidth_Bps`; "" if in none."""
    fits = [suffix for suffix in UNITS if name == suffix or name.endswith("_" + suffix)]
    return max(fits, key=len, default="")


def parse(text: str | float, suffix: str) -> float:
    """Return a quantity in SI, as a name with this suffix holds it.

    A number, or a text that is a bare number, is SI already. A sum of terms such as `1 d 4 h`
    is added up. Anything else raises UnitError.

    >>> parse("2 h", "s"), parse("400 Gbps", "Bps"), parse("90 %", "frac"), parse(7, "s")
    (7200.0, 50000000000.0, 0.9, 7.0)
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    known = UNITS.get(suffix)
    if known is None or not isinstance(text, str) or len(text) > 200:
        raise UnitError(f"is {str(text)[:80]!r}; must be {EXAMPLE.get(suffix, 'a number')}")
    stripped = text.strip()
    if stripped.lower() in _INFINITE:
        return _INFINITE[stripped.lower()]
    if stripped.startswith("$") and suffix == "usd":
        stripped = stripped[1:] + " usd"
    return _sum(stripped, known, suffix)


def _sum(text: str, known: Mapping[str, float], suffix: str) -> float:
    total, at, terms = 0.0, 0, 0
    while match := _TERM.match(text, at):
        number, unit = float(match[1]), (match[2] or "").strip()
        bare = not unit and terms == 0 and match.end() == len(text)
        spelled = unit if suffix == "s" or unit in known else unit.replace(" ", "")
        factor = 1.0 if bare else known.get(spelled, known.get(spelled.lower()))
        if factor is None:
            break
        value = number * factor
        total, at, terms = total + value, match.end(), terms + 1
        if at == len(text) and math.isfinite(total):
            return total
    raise UnitError(f"is {text!r}; must be a number or {EXAMPLE[suffix]}")


def human_s(seconds: float) -> str:
    """Return a time as one says it: the two greatest units, `2 h 3 min`.

    >>> human_s(7380), human_s(0.0123), human_s(59.6), human_s(-90061)
    ('2 h 3 min', '12.3 ms', '1 min', '-1 d 1 h')
    """
    if not math.isfinite(seconds):
        return "never" if seconds > 0 else "unknown"
    if seconds < 0:
        return "-" + human_s(-seconds)
    if seconds < 1:
        return "0 s" if seconds == 0 else f"{1000 * seconds:.3g} ms"
    if seconds < 10 and seconds != round(seconds):
        return f"{seconds:.2g} s"
    scale = [("d", 86400, 3600), ("h", 3600, 60), ("min", 60, 1), ("s", 1, 1)]
    for i, (name, size, finer) in enumerate(scale):
        rounded = round(seconds / finer) * finer
        if rounded >= size:
            rest = (rounded % size) // finer
            tail = f" {rest} {scale[i + 1][0]}" if rest and i + 1 < len(scale) else ""
            return f"{rounded // size} {name}{tail}"
    return f"{round(seconds)} s"


def human_bytes(count: float) -> str:
    """Return a size as one says it, in powers of 1024.

    >>> human_bytes(2**31), human_bytes(1500), human_bytes(12)
    ('2 GiB', '1.5 KiB', '12 B')
    """
    if not math.isfinite(count):
        return "unknown"
    for prefix, size in sorted(_BINARY.items(), key=lambda item: -item[1]):
        if abs(count) >= size:
            return f"{count / size:.1f}".removesuffix(".0") + f" {prefix}B"
    return f"{count:.0f} B"
