"""Readers: a file in, its rows by our names out, nothing judged yet.

Enters: a path and what is to be taken how.   Leaves: a Raw, for the rules in workload/check.py.
May import: the ground, workload/raw.py and check.py.   Must not know: laws, transforms.
To add one: a file with `read(path, reading)`; a row in READERS; its sign in sniff.py; a fixture.
Begin with: philly.py, then swf.py.
"""

from sim.workload.traces.base import Reading
from sim.workload.traces.sniff import FORMATS, READERS, sniffed

__all__ = ["FORMATS", "READERS", "Reading", "sniffed"]
