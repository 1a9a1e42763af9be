"""How training sets are answered: entity tables of every kind, questions, and what does not fit in memory."""
