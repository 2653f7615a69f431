"""Steps of a training: one batch learned, plainly by autograd or written out for an MLP on the CPU.

Both give the same weights, bit for bit. ``make`` chooses, ``base`` has the interface, ``plain`` is the definition.
"""
