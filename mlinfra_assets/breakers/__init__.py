"""Circuit breakers: which source or view is not to be used further down, since when, why, and by whom. No Dagster."""
