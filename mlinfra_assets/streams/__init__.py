"""Stream logs: one interface, and Redis Streams behind it. No Dagster."""
