"""From a brief to a judged strategy.

* ``designer``: a brief becomes a validated strategy
* ``spans``, ``gates``, ``evidence``, ``assessment``: bars of each stage, judgements between stages, the verdict
* ``strategy_file``: the file of a designed strategy
* ``job``: the cycle as an operation
"""
