"""How the cost of a point-in-time retrieval grows from a million events to a hundred million."""
