"""A year of daily snapshots of 100,000 entities with 20 features."""
