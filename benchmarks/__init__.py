"""How long the whole protocol takes, and how much memory, by number of subjects: `python -m benchmarks`."""
