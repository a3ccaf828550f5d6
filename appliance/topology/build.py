"""The topology of one installation, from its settings."""

from appliance.settings import Settings
from appliance.topology.types import Component, DataClass, Flow, Port, Topology

DATA_CLASSES = (
    DataClass("credentials", "What proves who somebody is.", ("password at log-in", "session cookie", "CSRF token")),
    DataClass("documents", "Files that people upload, and the text in them.", ("PDF", "Word document", "passages")),
    DataClass("questions", "What people write to the appliance.", ("a question", "a conversation's title")),
    DataClass("answers", "What the appliance writes back.", ("an answer", "its citations")),
    DataClass("embeddings", "Numbers computed from text for searching.", ("384 numbers for a passage",)),
    DataClass("records", "Who did what, when and at what cost.", ("an audit event", "a usage row")),
    DataClass("configuration", "How the appliance is set up.", ("prompts", "groups", "which model answers")),
    DataClass("signals", "Wake-ups that carry identifiers and live text, and are never the only copy.",
              ("a run's id", "a piece of an answer on its way to the page")),
)  # fmt: skip

# In the order in which they start.
COMPONENTS = (
    Component("browser", "A person's web browser.", "outside", "external", "none"),
    Component("postgres", "PostgreSQL with pgvector: the only place where state is kept.", "state", "postgres",
              "postgres"),
    Component("redis", "Redis: wake-ups and live text; losing it loses nothing.", "state", "redis", "redis"),
    Component("embedder", "Turns text into embeddings.", "models", "embedder", "http"),
    Component("engine", "vLLM: the language model. Absent when no model is installed.", "models", "engine", "engine",
              optional=True),
    Component("web", "The web application: pages and their event streams.", "front", "asgi", "http"),
    Component("worker", "Does the work that takes longer than a request: answers, and what has to be done regularly.",
              "application", "celery-worker", "celery"),
    Component("ingester", "Reads documents and indexes them, so that no answer waits behind an upload.", "application",
              "celery-worker", "celery"),
    Component("scheduler", "Wakes the workers for what is due, and for what a stopped worker left.", "application",
              "celery-beat", "process"),
)  # fmt: skip

STATE = ("documents", "questions", "answers", "embeddings", "records", "configuration")
FLOWS = (
    Flow("browser", "web", ("credentials", "documents", "questions", "answers", "records", "configuration"),
         "Pages, uploads and the stream of an answer."),
    Flow("web", "postgres", ("credentials", *STATE), "Reads and writes state."),
    Flow("web", "redis", ("signals",), "Wakes the workers; receives live text for open pages."),
    Flow("worker", "postgres", STATE, "Reads and writes state."),
    Flow("worker", "redis", ("signals",), "Is woken; publishes live text."),
    Flow("worker", "embedder", ("questions", "embeddings"), "Embeds questions."),
    Flow("worker", "engine", ("documents", "questions", "answers"), "Generates answers from passages."),
    Flow("ingester", "postgres", ("documents", "embeddings", "records", "configuration"),
         "Reads files; writes their text, passages and embeddings."),
    Flow("ingester", "redis", ("signals",), "Is woken."),
    Flow("ingester", "embedder", ("documents", "embeddings"), "Embeds passages."),
    Flow("scheduler", "redis", ("signals",), "Wakes the workers for what is due."),
)  # fmt: skip


def build_topology(settings: Settings) -> Topology:
    """Who runs, listens and talks in this installation. No flow leaves it: nothing it runs calls anybody outside."""
    loopback = "127.0.0.1"
    ports = (
        Port("postgres", "postgresql", socket=settings.run_dir / "postgresql" / ".s.PGSQL.5432"),
        Port("redis", "redis", socket=settings.run_dir / "redis" / "redis.sock"),
        Port("embedder", "http", bind=loopback, number=settings.embeddings.port, health_path="/health"),
        Port("engine", "http", bind=loopback, number=settings.model.port, health_path="/health"),
        Port("web", "http", bind=settings.web.host, number=settings.web.port, health_path="/readyz"),
    )
    return Topology(COMPONENTS, ports, FLOWS, DATA_CLASSES)
