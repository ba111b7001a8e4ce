import contextlib
import gzip
import hashlib

import pytest

from sim import files
from sim.errors import RackplanError, TraceError


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "a.json"
    files.write(path, "old")
    with contextlib.suppress(ZeroDivisionError), files.atomic(path) as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    files.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_a_written_file_has_the_rights_of_any_other(tmp_path):
    files.write(tmp_path / "a", "x")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_the_hash_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"gpu" * 1000)
    assert files.sha256(tmp_path / "a") == hashlib.sha256(b"gpu" * 1000).hexdigest()


def test_gzip_is_told_by_content_and_bounded(tmp_path):
    (tmp_path / "a.txt").write_bytes(gzip.compress(b"0" * 10_000_000))
    with files.open_text(tmp_path / "a.txt") as file:
        assert len(file.read()) == 10_000_000
    with files.open_bytes(tmp_path / "a.txt", 9_999_999) as file, pytest.raises(TraceError):
        file.read()


def test_a_line_without_end_is_refused_lines_of_any_end_are_not(tmp_path):
    for end in ("\n", "\r"):
        (tmp_path / "a").write_text(("0" * 1_000_000 + end) * 20, newline="")
        with files.open_text(tmp_path / "a") as file:
            assert len(file.readlines()) == 20
    (tmp_path / "a").write_bytes(b"a\n" + b"0" * (files.LONGEST_LINE + 1))
    with files.open_bytes(tmp_path / "a") as file, pytest.raises(TraceError, match="line of more"):
        file.read()


def test_the_bound_of_a_file_is_half_of_the_memory(monkeypatch):
    assert 2**28 < files.MOST_BYTES <= 16 * 2**30
    for pages, bound in ((2**20, 2**31), (2**30, 2**34)):
        told = {"SC_PAGE_SIZE": 2**12, "SC_PHYS_PAGES": pages}
        monkeypatch.setattr("os.sysconf", told.__getitem__)
        assert files._most_bytes() == bound


def test_a_broken_gzip_is_a_fault_of_the_trace(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"hello" * 1000)[:-20])
    with files.open_bytes(tmp_path / "a.gz") as file, pytest.raises(TraceError, match="gzip"):
        file.read()


def test_text_that_is_no_utf8_is_shown_not_dropped(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfname\r\nm\xfcller\n")
    with files.open_text(tmp_path / "a") as file:
        assert file.read() == "name\nm\\xfcller\n"


def test_inputs_are_found_here_first_then_among_the_shipped(tmp_path, monkeypatch):
    shipped = files.data_dir("conf") / "traces"
    monkeypatch.chdir(tmp_path)
    assert files.find("slurm_sacct.txt").parent == shipped
    assert files.find("traces/slurm_sacct.txt").parent == shipped
    (tmp_path / "slurm_sacct.txt").write_text("mine")
    assert files.find("slurm_sacct.txt").read_text() == "mine"
    with pytest.raises(RackplanError, match="no such file"):
        files.find("nowhere.csv")
    with pytest.raises(RackplanError, match="folder"):
        files.find(tmp_path)
    with pytest.raises(RackplanError, match="not part"):
        files.data_dir("nothing_like_it")
