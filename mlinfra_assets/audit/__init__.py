"""Whether what was served can be had again: predictions recomputed from raw and compared bit for bit. No Dagster.

Nothing of the way that produced a prediction is trusted but its inputs: the bytes in raw, the registered definition of
each view version, the contracts in force, the releases, and the stored model.
"""
