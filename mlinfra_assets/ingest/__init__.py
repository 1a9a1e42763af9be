"""The way in: a source's records into its raw table, and from there, by its contract, into processed. No Dagster."""
