"""The whole stack and a real browser."""
