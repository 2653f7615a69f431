"""The indicators and membership functions that a strategy may name: parameters, bounds, outputs, history.

Everything here is data; the formulas are in ``feature_pipeline/indicators``, in files of the same names.

* ``parameter``: one parameter and its bounds
* ``indicator``: one indicator, its outputs, and how long each output needs to settle
* ``momentum``, ``trend``, ``volatility``, ``volume``: the indicators by family
* ``indicators``: all of them, found by name
* ``memberships``: the membership functions
"""
