"""`python -m rules_engine` is the command `rules-engine`."""

from rules_engine.cli import main

if __name__ == "__main__":  # a process started with the method `spawn` imports this module again
    main()
