"""The staff interface: questions, answers, conversations, collections, documents. Pages only; it decides nothing."""
