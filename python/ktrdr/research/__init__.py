"""From a brief to a judged strategy.

* ``designer``: a brief becomes a validated strategy
"""
