"""The point-in-time engine: prepared rows in, feature values at any (entity, t, k) out.

It works on NumPy arrays with a few compiled loops, and knows nothing of where rows come from.
"""
