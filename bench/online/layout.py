"""What both servers are asked; imports nothing that the peers do not have."""

from __future__ import annotations

KEY = "customer_id"
FEATURES = tuple(f"f{number:02}" for number in range(20))
PLAIN, WINDOWED = "plain", "windowed"
VIEWS = (PLAIN, WINDOWED)
COUNTS = (1, 10, 100)
EVENTS = 50
"""Events of an entity of the windowed view."""
