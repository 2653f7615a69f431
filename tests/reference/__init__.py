"""A second simulation, plain and slow, written from the rules alone: the oracle the core is compared with.

Plain floats and lists, the standard library only, nothing of `ktrdr`. Everything that the core does in one streaming
pass is done here afterwards, from whole lists, by the definition.
"""
