"""Parameters of a market's `[signals]`, tried on its recordings, and whether to believe what was found.

Pure but for `workers` (processes) and `journal` (a file): what is drawn, cut, shrunk and decided follows from
numbers and seeds.
"""
