"""Engines for tests: tiny random checkpoints on the real vLLM, and a scripted server for answers on purpose."""
