"""The HTTP API: features of now, predictions, health. It needs Redis and the stream; no lake, no Dagster."""
