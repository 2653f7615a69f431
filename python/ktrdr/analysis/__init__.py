"""Statistics against self-deception: the chance that a result is luck, and how it reacts to costs and delay.

* `sensitivity`: metrics at more delay and other costs, and the cost that takes the whole profit.
* `splits`: walk-forward windows, purged and combinatorial purged cross-validation.
* `statistics`: Sharpe ratios in doubt, overfitting of a selection, intervals of metrics.
"""
