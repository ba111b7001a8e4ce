"""How far the closed forms of `rackplan services screen` are from what `search` finds."""
