"""Features of now over HTTP: the API beside Feast's own Python server, on one Redis and the same values."""
