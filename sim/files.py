"""Files: written whole or not at all, hashed, opened with a bound on their size, found."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from sim.errors import RackplanError, TraceError

LONGEST_LINE: Final = 2**24


def _most_bytes() -> int:
    """Return half of the machine's memory, at most 16 GiB: what a file may hold, unpacked."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # a system that does not say
        memory = 8 * 2**30
    return min(memory // 2, 16 * 2**30)


MOST_BYTES: Final = _most_bytes()
_PACKAGE = Path(__file__).resolve().parent


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a name beside `path` to write to; it takes the place of `path` if all went well.

    After a fault or a crash, `path` is as it was before.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write(path: str | Path, content: str | bytes) -> None:
    """Write a whole file or leave the old one."""
    with atomic(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def too_big(most_bytes: int) -> str:
    """Return what to tell of a file that holds more."""
    return f"holds more than {most_bytes:,} bytes unpacked, the bound on this machine; cut it"


class _Bounded(io.RawIOBase):
    """A stream that refuses to give too many bytes, in all or without a line end between.

    A .gz can hold a thousandfold, and who reads lines holds a whole one.
    """

    def __init__(self, inner: IO[bytes], most_bytes: int, name: str) -> None:
        super().__init__()
        self._inner, self._left, self._name = inner, most_bytes, name
        self._line, self._most = 0, most_bytes

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer`; return how much was read."""
        try:
            data = self._inner.read(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise TraceError(self._name, remedy=f"is no whole gzip file ({error})") from error
        except OSError as error:
            raise TraceError(self._name, remedy=f"cannot be read ({error})") from error
        self._left -= len(data)
        if self._left < 0:
            raise TraceError(self._name, remedy=too_big(self._most))
        end = max(data.rfind(b"\n"), data.rfind(b"\r"))
        self._line = len(data) - end - 1 + (self._line if end < 0 else 0)
        if self._line > LONGEST_LINE:
            told = f"holds a line of more than {LONGEST_LINE:,} bytes; it is no table"
            raise TraceError(self._name, remedy=told)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file under it."""
        self._inner.close()
        super().close()


def open_bytes(path: str | Path, most_bytes: int = MOST_BYTES) -> io.BufferedReader:
    """Return a file's bytes as a stream, unpacked if it is gzip (by content, not by name).

    Beyond `most_bytes` unpacked, in a line beyond LONGEST_LINE, or where the gzip is broken,
    reading raises TraceError.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
    except OSError as error:
        raise TraceError(path, remedy=f"cannot be read ({error.strerror})") from error
    inner: Any = gzip.GzipFile(path, "rb") if packed else io.FileIO(path)
    return io.BufferedReader(_Bounded(inner, most_bytes, str(path)), 2**20)


def open_text(path: str | Path, most_bytes: int = MOST_BYTES) -> io.TextIOWrapper:
    """Return a file's text as a stream: UTF-8, a byte that is none shown as such, any line end."""
    return io.TextIOWrapper(open_bytes(path, most_bytes), "utf-8-sig", errors="backslashreplace")


def data_dir(name: str) -> Path:
    """Return a folder of the project, such as `conf`: inside a wheel, or beside `sim/`."""
    for base in (_PACKAGE / "_data", _PACKAGE.parent):
        if (base / name).is_dir():
            return base / name
    raise RackplanError(f"the folder {name!r} is not part of this installation; reinstall it")


def find(path: str | Path, folder: str = "traces") -> Path:
    """Return where an input lies: from the current directory, else among the shipped ones.

    A `path` such as `philly.csv.gz` or `traces/philly.csv.gz` is looked for in `conf/traces/`.
    """
    path = Path(path).expanduser()
    shipped = data_dir("conf")
    for base in (Path(), shipped, shipped / folder):
        if (base / path).is_file():
            return base / path
    if path.is_dir():
        raise RackplanError(f"{path}: is a folder; must be a file")
    where = f"neither from {Path.cwd()} nor in {shipped / folder}"
    raise RackplanError(f"{path}: no such file, {where}; must be a file")
