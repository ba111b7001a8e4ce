"""The command: a configuration in, a folder of results out.

Enters: what Hydra composed.   Leaves: files, a table on the terminal, an exit code.
May import: everything below it, Hydra, rich.   Must not know: how any of it works inside.
To add one: a group is a folder of conf/ and a line in build.py's GROUPS.
Begin with: main.py, then build.py (the only place where configuration becomes objects).
"""
