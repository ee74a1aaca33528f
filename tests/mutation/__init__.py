"""Mutation testing: how many small faults put into the code the tests notice.

    python -m tests.mutation                       # the response criteria and their plugins
    python -m tests.mutation best_response visits  # some modules of them
    python -m tests.mutation --area endpoints      # endpoints and censoring

`operators` names the faults, `runner` tries them one by one, `suites` are the tests that may notice, cheapest first, and `scope` says what
is tried. A fault that no test can notice, because the code says the same with it, is listed with its reason in `AREA_equivalent.yaml`;
any other that nobody notices fails the run, and so does an entry of the list that is no longer one.

The packages for mutation testing know Python, not expressions over columns: that `~`, `&`, `.any()`, `.over(…)` or `how="left"` is the
logic here. They also start a test command per fault. Here a fault in what a module does when it is imported is tried in a fork of one
process that has all else imported; one in a function is exchanged in place (`exchange`), and where the suites leave nothing behind, one
fault after the other is put in and taken out in one process. `--suites glance` asks a few histories only, `--again LOG` the rest about
what they did not notice.
"""
