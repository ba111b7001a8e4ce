import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import UnitError
from sim.units import UNITS, human_bytes, human_s, parse, suffix_of


@pytest.mark.parametrize(
    ("text", "suffix", "si"),
    [
        ("2 h", "s", 2 * 3600),
        ("1d 4h", "s", 86400 + 4 * 3600),
        ("2 w", "s", 14 * 86400),
        ("250 ms", "s", 0.25),
        ("-5 min", "s", -300),
        ("inf", "s", math.inf),
        ("64 GiB", "bytes", 64 * 2**30),
        ("2 TB", "bytes", 2e12),
        ("400 Gbps", "Bps", 400e9 / 8),
        ("50 GB/s", "Bps", 50e9),
        ("10.2 kW", "W", 10_200),
        ("1 mW", "W", 1e-3),
        ("1 MW", "W", 1e6),
        ("1 kWh", "J", 3.6e6),
        ("$2.50", "usd", 2.5),
        ("90 %", "frac", 0.9),
        ("120 per h", "per_s", 120 / 3600),
        ("10/min", "per_s", 10 / 60),
        ("1e3", "s", 1000),
    ],
)
def test_a_human_quantity_becomes_si(text, suffix, si):
    assert parse(text, suffix) == pytest.approx(si, rel=1e-15)


@pytest.mark.parametrize("suffix", UNITS)
def test_a_number_is_si_already(suffix):
    assert parse(7, suffix) == parse(7.0, suffix) == parse("7", suffix) == 7.0


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("2 parsecs", "s"),
        ("64 G", "bytes"),
        ("2 Gb", "bytes"),
        ("2h3", "s"),
        ("", "s"),
        ("5 Mw", "W"),
        ("nan", "s"),
        ("2 h", "flops"),
        (True, "s"),
        (None, "s"),
        ("1e999 s", "s"),
    ],
)
def test_what_does_not_read_says_what_would(text, suffix):
    with pytest.raises(UnitError, match="must be"):
        parse(text, suffix)


def test_a_name_tells_its_unit():
    assert suffix_of("bandwidth_Bps") == "Bps"
    assert suffix_of("rate_per_s") == "per_s"
    assert suffix_of("work_s") == "s"
    assert suffix_of("nodes") == ""


@given(st.text(max_size=40), st.sampled_from(sorted(UNITS)))
def test_no_text_does_anything_else_than_read_or_say_so(text, suffix):
    with contextlib.suppress(UnitError):
        assert not math.isnan(parse(text, suffix))


@given(st.floats(1.0, 1e9))
def test_a_time_as_said_is_near_the_time(seconds):
    said = human_s(seconds)
    assert parse(said, "s") == pytest.approx(seconds, rel=0.06)


def test_sizes_as_said():
    assert human_bytes(3 * 2**40) == "3 TiB"
    assert human_s(math.inf) == "never"
