"""The durable room."""
