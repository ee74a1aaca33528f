"""Mutation testing: how many small faults put into the code the tests notice.

    python -m tests.mutation                       # the response criteria and their plugins
    python -m tests.mutation best_response visits  # some modules of them
    python -m tests.mutation --area endpoints      # endpoints and censoring

`operators` names the faults, `runner` tries them one by one, `suites` are the tests that may notice, cheapest first, and `scope` says what
is tried. A fault that no test can notice, because the code says the same with it, is listed with its reason in `AREA_equivalent.yaml`;
any other that nobody notices fails the run, and so does an entry of the list that is no longer one.

The packages for mutation testing know Python, not expressions over columns: that `~`, `&`, `.any()`, `.over(…)` or `how="left"` is the
logic here. They also start a test command per fault. Here each fault is tried in a fork of one process that has everything imported but
the engine (`exchange`: even that, where a fault lies in a function), which makes a thousand of them a matter of half an hour.
"""
