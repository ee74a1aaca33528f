"""`python -m rules_engine` is the command `rules-engine`."""

from rules_engine.cli import main

main()
