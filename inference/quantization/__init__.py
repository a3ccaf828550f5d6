"""Making a model smaller: recipes as data, the work in pieces that outlive a kill, the result as a model of the store.

What needs torch runs in the environment ``quantize``, as :mod:`inference.quantization.run`; the rest runs anywhere.
"""
