"""How many nodes does this work need? The figure of the README."""
