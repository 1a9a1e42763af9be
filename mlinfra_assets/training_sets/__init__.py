"""Training sets in the background: asked for over the API, made by a process each, kept for a while. No Dagster."""
