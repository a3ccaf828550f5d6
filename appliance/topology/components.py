"""Which components a layout has, where they run and as whom."""

from dataclasses import replace

from appliance.settings import Settings
from appliance.topology.engines import ENGINE, list_further_components
from appliance.topology.nodes import OTHERS, has_nodes
from appliance.topology.types import Component

# In the order in which they start.
OURS = (
    Component("postgres", "PostgreSQL with pgvector: the only place where state is kept.", "state", "postgres",
              "postgres", user="postgres"),
    Component("redis", "Redis or Valkey: wake-ups and live text; losing it loses nothing.", "state", "redis", "redis",
              user="valkey"),
    Component("embedder", "Turns text into embeddings.", "models", "embedder", "http", user="appliance-engine"),
    Component("engine", "vLLM: the language model. Absent when no model is installed.", "models", "engine", "engine",
              optional=True, user="appliance-engine"),
    Component("engine-proxy", "The only way to the models: known paths, known clients, and the readings of the GPUs.",
              "models", "engine-proxy", "http", user="appliance-proxy"),
    Component("egress", "The one process with a route out: refuses what is not on the list, which is empty by default.",
              "border", "egress", "http", user="appliance-egress"),
    Component("setup", "Prepares the database and registers the models before a release starts.", "application",
              "setup", "none", user="appliance"),
    Component("web", "The web application: pages and their event streams.", "front", "asgi", "http", user="appliance"),
    Component("worker", "Does the work that takes longer than a request: answers, and what has to be done regularly.",
              "application", "celery-worker", "celery", user="appliance"),
    Component("ingester", "Reads documents and indexes them, so that no answer waits behind an upload.", "application",
              "celery-worker", "celery", user="appliance"),
    Component("scheduler", "Wakes the workers for what is due, and for what a stopped worker left.", "application",
              "celery-beat", "process", user="appliance"),
)  # fmt: skip
BROWSER = Component("browser", "A person's web browser.", "outside", "external", "none")
MONITORING = Component("monitoring", "The site's Prometheus, if it has one.", "site", "external", "none")
RESOLVER = Component("resolver", "The site's or cluster's name server.", "site", "external", "none")
DESTINATIONS = Component("destinations", "What egress.allow names, and nobody else.", "outside", "external", "none")
OF_HOSTS = (
    Component("operator", "Who manages the hosts, through SSH.", "site", "external", "none"),
    Component("timeserver", "The site's time server.", "site", "external", "none"),
    MONITORING,
    Component("sshd", "OpenSSH: how the hosts are managed.", "border", "system", "none", places=("app", "gpu"),
              user="root"),
    Component("timesync", "Keeps the clock right.", "border", "system", "none", places=("app", "gpu"),
              user="systemd-timesync"),
    Component("nginx", "TLS, and the only door for people.", "front", "system", "none", places=("app",),
              user="www-data"),
)  # fmt: skip
OF_SSM = (
    Component("ssm-agent", "AWS Systems Manager's agent: how hosts are managed where no way leads in.", "border",
              "system", "none", places=("app", "gpu"), user="root"),
    Component("cloud-endpoints", "AWS's own services, at private addresses of the VPC.", "outside", "external", "none"),
    Component("cloud-metadata", "Tells an instance its name and its short-lived credentials.", "site", "external",
              "none"),
)  # fmt: skip
OF_KUBERNETES = (
    Component("ingress", "The cluster's ingress controller, which ends TLS.", "site", "external", "none"),
    MONITORING,
    RESOLVER,
)
ON_GPU_HOST = frozenset({"embedder", "engine", "engine-proxy"})  # by command: further engines are among them
NOT_EMBEDDED = frozenset({"egress", "setup"})
NOT_ON_HOSTS = frozenset({"setup"})
# On hosts they are the distribution's, in a cluster somebody's image: what runs them is not ours.
PACKAGED = frozenset({"postgres", "redis"})


def list_components(settings: Settings) -> tuple[Component, ...]:
    """Those of the layout, with the places they have in it."""
    ours = _with_further(settings)
    if settings.layout == "embedded":
        return (BROWSER, *(component for component in ours if component.name not in NOT_EMBEDDED))
    allowed = bool(settings.egress.allow)
    destinations = (DESTINATIONS,) if allowed else ()
    if settings.layout == "hosts":
        ours = tuple(_on_host(component) for component in ours if component.name not in NOT_ON_HOSTS)
        agent = OF_SSM if settings.management.agent == "ssm" else ()
        resolver = (RESOLVER,) if allowed or agent else ()
        others = (OTHERS,) if has_nodes(settings) else ()
        return (BROWSER, *destinations, *resolver, *OF_HOSTS, *agent, *others, *ours)
    return (BROWSER, *destinations, *OF_KUBERNETES, *(_in_pod(component, settings) for component in ours))


def _with_further(settings: Settings) -> tuple[Component, ...]:
    """Further engines start after the main one, before the proxy that stands in front of them all."""
    position = next(index for index, component in enumerate(OURS) if component.name == ENGINE) + 1
    return (*OURS[:position], *list_further_components(settings), *OURS[position:])


def _on_host(component: Component) -> Component:
    place = "gpu" if component.command in ON_GPU_HOST else "app"
    return _packaged(replace(component, places=(place,)))


def _in_pod(component: Component, settings: Settings) -> Component:
    """The proxy stands beside each model, in its Pod: what it forwards never crosses the network in the clear."""
    further = tuple(each.name for each in list_further_components(settings))
    places = (ENGINE, "embedder", *further) if component.name == "engine-proxy" else (component.name,)
    return _packaged(replace(component, places=places, user=""))


def _packaged(component: Component) -> Component:
    return replace(component, command="system") if component.name in PACKAGED else component
