"""From the lake to the online store: feature views and models, by one push each. No Dagster."""
