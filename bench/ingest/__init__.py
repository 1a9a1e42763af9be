"""Streams into the lake: Kafka and Redis Streams to raw and processed, both committed."""
