"""A million arbitrary moments, each with aggregates over the 1, 7, 30 and 90 days before, of ten million events."""
