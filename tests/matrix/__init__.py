"""What every kind of model shows on the real vLLM: ``make test-engines``, 12 minutes; ``make test-chaos`` has the rest.

On a CPU and with random weights: it proves that each family in each format loads, streams, calls tools, obeys schemas
and takes the memory that was planned. It proves nothing of what a quantisation does to answers, nor of a GPU.
"""
