"""Designers: a brief in plain words becomes a validated strategy.

* ``base``: the protocol of a designer, its result, and the journal that outlives a killed process
* ``market``: the little that a designer may know of the stored bars
* ``choice``: the designer of a call, by name or by what is set
* ``given``: a strategy file that the user has already
* ``grammar``: offline and deterministic, a seeded search over the strategy grammar
* ``language``: a language model, within a budget and within bounds
"""
