"""Tests on the real engine and the real embedder, and of the scripted engine against them."""
