"""How each kind of source becomes raw records, and raw payloads become records with fields. No Dagster."""
