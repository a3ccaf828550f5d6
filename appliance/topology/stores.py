"""What is kept where and for how long: the statement that reviewers read, and the constants that enforce it."""

from appliance.topology.types import Store

READING_SAMPLE_DAYS = 7
READING_ROLLUP_DAYS = 400

STORES = (
    Store("postgres", "documents", "Documents as uploaded, their text and passages",
          "until somebody deletes the document or its collection"),
    Store("postgres", "embeddings", "Embeddings of passages", "until somebody deletes the document or its collection"),
    Store("postgres", "questions", "Conversations: questions and titles", "until the person deletes the conversation"),
    Store("postgres", "answers", "Conversations: answers, citations and the log of events",
          "until the person deletes the conversation"),
    Store("postgres", "answers", "Checkpoints of an answer in progress",
          "until the answer is finished, failed or stopped"),
    Store("postgres", "records", "Usage: which model was called for whom, with how many tokens", "kept"),
    Store("postgres", "records", "Audit: who did what", "kept; cannot be changed"),
    Store("postgres", "credentials", "Passwords as salted hashes, and sessions",
          "until the account is deleted; sessions for two weeks"),
    Store("postgres", "configuration", "Prompts, groups, which model answers", "kept"),
    Store("postgres", "readings", "Samples of the hardware and the engine",
          f"{READING_SAMPLE_DAYS} days, and up to one more"),
    Store("postgres", "readings", "Hourly summaries of those samples",
          f"{READING_ROLLUP_DAYS} days, and up to a month more"),
    Store("postgres", "readings", "What happened to the engines: started, ready, wedged, ended, stopped",
          f"{READING_ROLLUP_DAYS} days"),
    Store("redis", "signals", "Wake-ups and live text, in memory only", "seconds"),
)  # fmt: skip
