"""A million label rows, each with the newest row of its key in three views of ten million, up to 2 days old."""
