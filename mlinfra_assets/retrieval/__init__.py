"""Getting at what the lake holds: feature values at moments, and SQL over its tables. No Dagster."""
