"""Who talks to whom, what about and why, in each layout."""

from collections.abc import Iterable
from dataclasses import replace

from appliance.settings import Settings
from appliance.topology.engines import ENGINE, PASSES_ON, list_further_flows
from appliance.topology.nodes import HTTP, has_nodes, is_headless, list_node_flows
from appliance.topology.types import DataClass, Flow

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
    DataClass("readings", "What the hardware and the engine are doing, in numbers.",
              ("a GPU's temperature", "how many requests wait")),
    DataClass("operations", "What keeps the machines themselves running.",
              ("a command over SSH", "the time of day", "a host's name and address")),
)  # fmt: skip

STATE = ("documents", "questions", "answers", "embeddings", "records", "configuration")
PAGES = ("credentials", "documents", "questions", "answers", "records", "configuration", "readings")
FLOWS = (
    Flow("web", "postgres", ("credentials", *STATE, "readings"), "Reads and writes state."),
    Flow("web", "redis", ("signals",), "Wakes the workers; receives live text for open pages."),
    Flow("worker", "postgres", (*STATE, "readings"), "Reads and writes state."),
    Flow("worker", "redis", ("signals",), "Is woken; publishes live text."),
    Flow("worker", "engine-proxy", ("documents", "questions", "answers", "embeddings", "readings"),
         "Embeds questions, generates answers from passages, and reads what the hardware does."),
    Flow("ingester", "postgres", ("documents", "embeddings", "records", "configuration"),
         "Reads files; writes their text, passages and embeddings."),
    Flow("ingester", "redis", ("signals",), "Is woken."),
    Flow("ingester", "engine-proxy", ("documents", "embeddings"), "Embeds passages."),
    Flow("scheduler", "redis", ("signals",), "Wakes the workers for what is due."),
    Flow("engine-proxy", "engine", ("documents", "questions", "answers", "readings"),
         PASSES_ON),
    Flow("engine-proxy", "embedder", ("documents", "questions", "embeddings"), "Passes on what it allows."),
)  # fmt: skip
EMBEDDED = (Flow("browser", "web", PAGES, "Pages, uploads and the stream of an answer."),)
HOSTS = (
    Flow("browser", "nginx", PAGES, "Pages, uploads and the stream of an answer.", protocol="https"),
    Flow("browser", "nginx", (), "Is led to HTTPS, and told nothing else.", protocol="http"),
    Flow("nginx", "web", PAGES, "The same, behind TLS."),
    Flow("operator", "sshd", ("operations",), "Installs, upgrades and looks after the hosts."),
    Flow("timesync", "timeserver", ("operations",), "Asks for the time."),
    Flow("monitoring", "engine-proxy", ("readings",), "Scrapes metrics, with a client certificate of its own."),
    Flow("worker", "egress", (), "Asks for what is outside, which is refused unless egress.allow names it."),
)
SSM = (
    Flow("ssm-agent", "cloud-endpoints", ("operations",), "Waits for the operators' sessions; sends what they show."),
    Flow("ssm-agent", "cloud-metadata", ("operations",), "Asks for the instance's name and credentials."),
    Flow("ssm-agent", "resolver", ("operations",), "Asks for the endpoints' addresses."),
)
KUBERNETES = (
    Flow("browser", "ingress", PAGES, "Pages, uploads and the stream of an answer."),
    Flow("ingress", "web", PAGES, "The same, behind TLS."),
    Flow("monitoring", "engine-proxy", ("readings",), "Scrapes metrics, with a client certificate of its own."),
    Flow("setup", "postgres", ("configuration", "credentials"), "Makes tables, the first administrator, the models."),
    Flow("worker", "egress", (), "Asks for what is outside, which is refused unless egress.allow names it."),
    *(
        Flow(source, "resolver", ("operations",), "Asks for the addresses of the others.")
        for source in ("web", "worker", "ingester", "scheduler", "setup")
    ),
)
OUTSIDE = (
    Flow("egress", "destinations", (), "Reaches what egress.allow names, for whoever asks."),
    Flow("egress", "resolver", ("operations",), "Asks for the addresses of what it may reach."),
)


def list_flows(settings: Settings) -> tuple[Flow, ...]:
    """A flow out exists only where something is allowed out."""
    of_layout = {"embedded": EMBEDDED, "hosts": HOSTS, "kubernetes": KUBERNETES}[settings.layout]
    outside = OUTSIDE if settings.egress.allow and settings.layout != "embedded" else ()
    agent = SSM if settings.management.agent == "ssm" and settings.layout == "hosts" else ()
    return (
        *of_layout, *agent, *_list_usual_flows(settings), *list_node_flows(settings), *list_further_flows(settings),
        *outside,
    )  # fmt: skip


def _list_usual_flows(settings: Settings) -> tuple[Flow, ...]:
    """An engine that other machines help is asked at its own port only; one without a port by nobody."""
    if not has_nodes(settings):
        return FLOWS
    usual = (replace(flow, protocol=HTTP) if flow.target == ENGINE else flow for flow in FLOWS)
    return tuple(flow for flow in usual if not (is_headless(settings) and flow.target == ENGINE))


def list_data_classes(flows: Iterable[Flow]) -> tuple[DataClass, ...]:
    """Those that the flows carry."""
    carried = {name for flow in flows for name in flow.data_classes}
    return tuple(data_class for data_class in DATA_CLASSES if data_class.name in carried)
