"""Estimates over derived endpoints: survival, incidence, comparisons, rates. Toolbox of the estimator plugins.

`survival`, `competing`, `comparison` and `proportions` compute on arrays; `time_to_event` and `response` turn the
rows of an endpoint into rows of analysis results; `curves` gives what a plot needs.
"""
