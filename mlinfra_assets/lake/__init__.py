"""Delta tables: commits that carry their provenance and a source's progress, and reads as of a version. No Dagster."""
