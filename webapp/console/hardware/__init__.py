"""The GPU page: which figures it has, in which words it says what they mean, and what it looks like as a value."""
