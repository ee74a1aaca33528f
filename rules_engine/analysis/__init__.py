"""Estimates over derived endpoints: survival, incidence, comparisons, rates. Toolbox of the estimator plugins.

`survival`, `competing`, `log_rank`, `cox` and `proportions` compute on arrays; the modules named `…_estimates` turn the
rows of an endpoint into rows of analysis results; `curves` gives what a plot needs.
"""
