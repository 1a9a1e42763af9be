"""What a source promises: contracts, their declarations, validation, quarantine. No Dagster."""
