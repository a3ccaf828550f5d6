"""Why what was to serve a model ended, for whoever started it. Anything but 0 and EXIT_REFUSED is tried again."""

EXIT_UNUSABLE = 3  # settings, or a model that is not there (yet)
EXIT_REFUSED = 4  # the model may not be loaded: looking at it again would find the same
EXIT_WEDGED = 5
EXIT_NOT_READY = 6
EXIT_ENDED = 7
