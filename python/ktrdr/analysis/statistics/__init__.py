"""Pure functions on arrays, moments and results: no store, no torch.

* `sharpe`: probabilistic and deflated Sharpe ratio, minimum track record length.
* `overfitting`: the probability that the choice among trials is overfitted.
* `bootstrap`: the stationary block bootstrap and its intervals.
* `intervals`: intervals of the metrics of a result.
"""
