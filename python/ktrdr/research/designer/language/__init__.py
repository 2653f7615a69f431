"""The designer that asks a language model: its text is data, which can only become a strategy within bounds.

* ``models``: names, ids and prices
* ``budget``: tokens and dollars that a design may cost, checked before each call
* ``prompt``: the words that a model is given, made of the catalogue and of the schema
* ``answers``: an answer as a journal keeps it, and the mapping in it
* ``bounds``: faults of a mapping beyond the validation of a strategy
* ``service``: one call, repeated while the service is overloaded
* ``designer``: at most three tries behind the protocol of a designer
"""
