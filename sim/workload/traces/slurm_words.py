"""Slurm's own notations: TRES lists, memory, durations, array tasks, states."""

from __future__ import annotations

import re
from typing import NamedTuple

_SIZE = {"": 2**20, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50}
_MEMORY = re.compile(r"(\d+(?:\.\d*)?)([KMGTP]?)B?([nc]?)", re.ASCII)
_GRES = re.compile(r"gpu(?::([A-Za-z][\w.-]*))?(?::(\d+))?(?:\(.*\))?", re.ASCII)
_TASKS = re.compile(r"(\d+)(?:-(\d+)(?::(\d+))?)?", re.ASCII)
_DURATION = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d*)?)", re.ASCII)
_DAYS = re.compile(r"(\d+)-(\d+)(?::(\d+))?", re.ASCII)
MOST_TASKS = 4_000_001  # Slurm's greatest MaxArraySize

ENDED = {
    "COMPLETED": "completed",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
    "TIMEOUT": "timeout",
    "NODE_FAIL": "node_fail",
    "BOOT_FAIL": "node_fail",
    "PREEMPTED": "preempted",
    "OUT_OF_MEMORY": "out_of_memory",
    "DEADLINE": "cancelled",
}
BEFORE_A_RUN = ("CANCELLED", "DEADLINE")  # ends that a waiting job can come to as well
LIVE = (
    *("PENDING", "RUNNING", "SUSPENDED", "REQUEUED", "RESIZING", "COMPLETING", "CONFIGURING"),
    *("STAGE_OUT", "SIGNALING", "STOPPED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT"),
)


class Tres(NamedTuple):
    """What a TRES list holds, for the whole job; None where it does not say."""

    gpus: int | None = None
    gpu_type: str | None = None
    cpus: float | None = None
    mem_bytes: float | None = None
    nodes: int | None = None


def memory_bytes(word: str) -> tuple[float, str]:
    """Return `62.50G`, `4000M` or `4000Mn` in bytes (powers of 1024), and per what: "", n or c.

    A bare number is in MiB, as Slurm has it.
    """
    if not (match := _MEMORY.fullmatch(word.strip())):
        raise ValueError(word)
    return float(match[1]) * _SIZE[match[2]], match[3]


def tres(word: str) -> Tres:
    """Return what `billing=28,cpu=128,gres/gpu:h100=16,gres/gpu=16,mem=125G,node=2` says.

    The untyped count of GPUs wins, since typed ones repeat it; else typed ones are summed. Also
    read: the older `gpu:V100:2(IDX:0-1),hbm:0`. Anything that does not read raises ValueError.
    """
    pairs = dict(item.split("=", 1) for item in word.split(",") if "=" in item)
    if not pairs:
        return gres(word)
    typed = {k.split(":", 1)[1]: int(v) for k, v in pairs.items() if k.startswith("gres/gpu:")}
    gpus = int(pairs["gres/gpu"]) if "gres/gpu" in pairs else sum(typed.values())
    if gpus < 0 or min(typed.values(), default=0) < 0:
        raise ValueError(word)
    kinds = sorted(kind for kind, count in typed.items() if count)
    return Tres(
        gpus,
        kinds[0] if len(kinds) == 1 else None,
        float(pairs["cpu"]) if "cpu" in pairs else None,
        memory_bytes(pairs["mem"])[0] if "mem" in pairs else None,
        int(pairs["node"]) if "node" in pairs else None,
    )


def gres(word: str) -> Tres:
    """Return what `gpu:V100:2(IDX:0-1),hbm:0` says; other devices pass by."""
    counts: dict[str | None, int] = {}
    for item in re.split(r",(?![^(]*\))", word.strip()):
        if match := _GRES.fullmatch(item.strip()):
            counts[match[1]] = counts.get(match[1], 0) + int(match[2] or 1)
    kinds = sorted(kind for kind, count in counts.items() if kind and count)
    return Tres(sum(counts.values()), kinds[0] if len(kinds) == 1 else None)


def duration_s(word: str) -> float:
    """Return `[DD-[HH:]]MM:SS[.fff]` or `DD-HH[:MM]` in seconds.

    >>> duration_s("1-02:03:04"), duration_s("03:04"), duration_s("2-12")
    (93784.0, 184.0, 216000.0)
    """
    if match := _DURATION.fullmatch(word.strip()):
        days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    elif match := _DAYS.fullmatch(word.strip()):
        days, hours, minutes = (float(part or 0) for part in match.groups())
        seconds = 0.0
    else:
        raise ValueError(word)
    return 86400 * days + 3600 * hours + 60 * minutes + seconds


def wishes(line: str) -> str:
    """Return of a command what it says of exclusive nodes, switches and segments.

    >>> wishes("sbatch --exclusive -N 4 --switches=1@20 --segment 2 run.sh --batch=9")
    ' --exclusive --switches=1@20 --segment=2'
    """
    if "--" not in line:
        return ""
    words, told = line.split(), ""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if word == "--exclusive":
            told += " --exclusive"
        elif name in ("--switches", "--segment"):
            told += f" {name}={value if equals else after}"
    return told


def switches(wish: str) -> tuple[float, float]:
    """Return the leaves and the seconds of `--switches`, nan for what is not told or unread.

    >>> switches("1@00:00:20"), switches("2@5"), switches("3")
    ((1.0, 20.0), (2.0, 300.0), (3.0, nan))
    """
    count, _, wait = wish.partition("@")
    if not count.isascii() or not count.isdigit() or int(count) < 1:
        return float("nan"), float("nan")
    try:
        return float(count), 60.0 * float(wait) if wait.isdigit() else duration_s(wait)
    except ValueError:
        return float(count), float("nan")


def tasks(job_id: str, most: int = MOST_TASKS) -> list[str] | None:
    """Return the job ids of a pending array such as `7_[1-3,9%2]`; None if it is no array.

    A list cut short by Slurm (`...`), or of more than `most`, raises ValueError.
    """
    if "[" not in job_id:
        return None
    master, inside = job_id.split("_[", 1)
    inside = inside.rstrip().removesuffix("]").split("%")[0]
    numbers: list[int] = []
    for part in inside.split(","):
        if not (match := _TASKS.fullmatch(part.strip())):
            raise ValueError(job_id)
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        if step < 1 or last < first or last >= MOST_TASKS:
            raise ValueError(job_id)
        if len(numbers) + (last - first) // step >= min(most, MOST_TASKS):
            raise ValueError(job_id)
        numbers.extend(range(first, last + 1, step))
    return [f"{master}_{number}" for number in sorted(set(numbers))]


def state(word: str) -> str:
    """Return the state in capitals, whole: `CANCELLED by 0` and `CANCELLED+` are CANCELLED.

    >>> state("OUT_OF_ME+"), state("CANCELLED by 1001")
    ('OUT_OF_MEMORY', 'CANCELLED')
    """
    first = word.strip().upper().split(" ")[0]
    begun = first.rstrip("+")
    if begun == first or len(begun) < 4:
        return begun
    return next((known for known in (*ENDED, *LIVE) if known.startswith(begun)), begun)
