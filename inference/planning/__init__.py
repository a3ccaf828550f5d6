"""Whether a model fits: weights, key-value cache, context. Arithmetic only, nothing here is measured."""
