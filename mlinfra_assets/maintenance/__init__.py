"""Keeping the lake's tables quick and small, without taking what replays and audits read. No Dagster."""
