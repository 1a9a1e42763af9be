"""Pushing a view from its Delta table to Redis: the project's push with its guard beside Feast's materialize."""
