"""Dagster's view of the outside: one thin configurable resource a system."""
