"""What there is: views and their versions, who uses them, tables, and where a value comes from. No Dagster."""
