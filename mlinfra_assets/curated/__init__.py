"""Curated tables: dbt in a workspace over pinned Delta snapshots; what passes its tests is published as Delta."""
