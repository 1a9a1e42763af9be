"""What a changed feature view would do, before it goes live: values before and after, on the real rows. No Dagster."""
