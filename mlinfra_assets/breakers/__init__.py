"""Circuit breakers: which source or view must not be used further down, since when, why, and who said so. No Dagster."""
