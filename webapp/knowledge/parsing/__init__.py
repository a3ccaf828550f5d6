"""Files to text, in a child process with limits. Owns readers and the sandbox; knows neither Django nor the database."""
