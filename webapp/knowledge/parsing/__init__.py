"""Files to text, in a child process with limits. Owns readers and sandbox; knows neither Django nor the database."""
