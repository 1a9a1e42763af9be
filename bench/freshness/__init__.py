"""How long an event takes from its producer to the online values: through contract, staging SQL and Redis."""
