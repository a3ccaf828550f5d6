"""What only a GPU can show: ``make test-gpu GPU_MODEL=folder``. Never required, and no GPU was at hand until now.

Its pieces are tested without one: the recorder against a stand-in for NVIDIA's library, the measuring on the CPU.
"""
