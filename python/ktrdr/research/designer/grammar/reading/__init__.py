"""Reads the words of a brief.

* ``words``: the words that it understands, and the plain words that it may pass over
* ``spelling``: a misspelt word becomes the nearest known one, never in silence
* ``parts``: the values of a part of the text
* ``frames``, ``instruments``, ``parameters``, ``rules``: the parts that hold numbers or names
* ``scanner``: text becomes a row of parts: indicators, timeframes, symbols, rules, and words
* ``sentences``: negations, bindings, and unknown names, by patterns over the row
* ``brief``: all of it as one reading, or the refusal of every part that cannot be met
"""
