"""What happened: the tables of a run, and the numbers that follow from them.

Enters: a State at its end, and what made it.   Leaves: a Result: tables, metrics, a folder.
May import: engine and below, pyarrow.   Must not know: Hydra, pages, terminals.
To add one: a column in sim/table.py and its line in tables.py; a metric in metrics/.
Begin with: result.py, then tables.py.
"""

from sim.results.result import Result
from sim.results.tables import result

__all__ = ["Result", "result"]
