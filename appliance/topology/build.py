"""The topology of one installation, from its settings."""

from pathlib import Path

from appliance.settings import Settings
from appliance.topology.components import list_components
from appliance.topology.engines import LOOPBACK, list_further_ports
from appliance.topology.flows import list_data_classes, list_flows
from appliance.topology.nodes import is_headless, list_node_ports
from appliance.topology.stores import STORES
from appliance.topology.types import Port, Topology

ANY = "0.0.0.0"  # noqa: S104 - what may reach it is the firewall's or the network policy's to say
HTTPS = 443
DNS = 53
NTP = 123
CLOUD = (Port("cloud-endpoints", "https", number=HTTPS, tls="server"), Port("cloud-metadata", "http", number=80))


def build_topology(settings: Settings) -> Topology:
    """Who runs, listens and talks in this installation. Nothing leaves it unless ``egress.allow`` names where to."""
    flows = list_flows(settings)
    return Topology(list_components(settings), _list_ports(settings), flows, list_data_classes(flows), STORES)


def _list_ports(settings: Settings) -> tuple[Port, ...]:
    models = (
        Port("embedder", "http", bind=LOOPBACK, number=settings.embeddings.port, health_path="/health"),
        *(() if is_headless(settings) else (_find_engine(settings),)),
        *list_node_ports(settings),
        *list_further_ports(settings),
    )
    if settings.layout == "embedded":
        return (
            Port(
                "postgres", "postgresql", socket=settings.run_dir / "postgresql" / f".s.PGSQL.{settings.database.port}"
            ),
            Port("redis", "redis", socket=settings.redis_socket),
            *models,
            Port("engine-proxy", "http", bind=LOOPBACK, number=settings.engine_proxy.port, health_path="/healthz"),
            Port("web", "http", bind=settings.web.host, number=settings.web.port, health_path="/readyz"),
        )
    hosts = settings.layout == "hosts"
    return (
        _find_postgres(settings),
        _find_redis(settings),
        *models,
        Port(
            "engine-proxy", "https", bind=ANY, number=settings.engine_proxy.port, health_path="/healthz", tls="mutual"
        ),
        Port("egress", "http", bind=LOOPBACK if hosts else ANY, number=settings.egress.port, health_path="/healthz"),
        Port("web", "http", bind=LOOPBACK if hosts else ANY, number=settings.web.port, health_path="/readyz"),
        *(_list_host_ports(settings) if hosts else (Port("ingress", "https", number=HTTPS, tls="server"),)),
        *(_list_resolver_ports() if settings.egress.allow or settings.management.agent or not hosts else ()),
        *_list_destinations(settings),
    )


def _find_engine(settings: Settings) -> Port:
    return Port("engine", "http", bind=LOOPBACK, number=settings.model.port, health_path="/health")


def _list_host_ports(settings: Settings) -> tuple[Port, ...]:
    return (
        Port("nginx", "https", bind=ANY, number=settings.front_door.https_port, tls="server"),
        Port("nginx", "http", bind=ANY, number=settings.front_door.http_port),
        Port("sshd", "ssh", bind=ANY, number=settings.management.ssh_port),
        Port("timeserver", "ntp", number=NTP, transport="udp"),
        *(CLOUD if settings.management.agent == "ssm" else ()),
    )


def _list_resolver_ports() -> tuple[Port, ...]:
    """Hosts know each other's addresses; names are asked for in a cluster, and of what is outside or the cloud's."""
    return (Port("resolver", "dns", number=DNS, transport="udp"), Port("resolver", "dns", number=DNS))


def _list_destinations(settings: Settings) -> tuple[Port, ...]:
    numbers = sorted({int(entry.rpartition(":")[2]) for entry in settings.egress.allow})
    return tuple(Port("destinations", "tls", number=number) for number in numbers)


def _find_postgres(settings: Settings) -> Port:
    host, number = settings.database_host, settings.database.port
    if host.startswith("/"):
        return Port("postgres", "postgresql", socket=Path(host) / f".s.PGSQL.{number}")
    return Port("postgres", "postgresql", bind=host, number=number, tls="server" if settings.database_tls else "none")


def _find_redis(settings: Settings) -> Port:
    if settings.redis_socket is not None:
        return Port("redis", "redis", socket=settings.redis_socket)
    return Port("redis", "redis", bind=settings.redis.host or "", number=settings.redis.port)
