"""What the hardware and the engine are doing: NVML's readings and vLLM's metrics. ``types`` and ``parse`` use the
standard library only, because the web application reads them too."""
