"""ktrdr beside other programs: the same bars, signals and costs, from Python, each in a process of its own.

    make bench-peers            all densities of signals over a million bars, and the table below benches/peers
    make bench-peers BARS=100000

* `__main__.py`: makes the bars, runs every program in turn, compares their final equities, writes table and picture.
* `market.py`: bars and signals, as a file that any numpy reads; money and costs.
* `program.py`: one program in one process: its first call, and the least time of its later ones.
* `columns.py`, `events.py`, `nautilus.py`: the call of each program.
* `page.py`: the table and the picture of what was measured.

A long-only strategy, since that is what all of them mean alike: entries and exits fill at the next open with all of the
cash, commission and slippage are 1e-5. What is timed ends with metrics, fills and trades in hand.
"""
