"""The Django project: cited answers from staff's own documents, durable runs, and their records."""
