"""The grammar designer: reads the words of a brief, and fills the rest from a seeded search over the strategy grammar.

* ``reading``: the words of a brief become one reading
* ``draw``: seeded draws, each from its own stream
* ``markets``: symbols and timeframes, as far as the stored bars have them
* ``plan``: indicators and their parameters
* ``inputs``: fuzzy sets and raw inputs of each indicator
* ``build``: a plan becomes a strategy file
* ``designer``: all of it behind the protocol of a designer
"""
