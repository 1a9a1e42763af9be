"""What was in force when: feature views and contracts by version, kept in the lake. No Dagster."""
