"""Features at one moment straight from the bytes of bases and tails, compiled: the same bits as the engine's.

A question's trees become a program once: tables of windows, masks and reductions, and instructions over slots. One loop
runs any program on any number of entities. What it cannot do, or cannot do exactly, it leaves to the engine.
"""
