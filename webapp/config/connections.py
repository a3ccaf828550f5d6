"""How PostgreSQL and Redis are reached: sockets on one machine, TCP beyond it."""

from urllib.parse import quote

from appliance.settings import Settings

EVENTS_DATABASE = 0
BROKER_DATABASE = 1


def redis_url(settings: Settings) -> str:
    """For live events."""
    password = quote(settings.secret("redis").reveal(), safe="")
    if settings.redis_socket is not None:
        return f"unix://:{password}@{settings.redis_socket}?db={EVENTS_DATABASE}"
    return f"redis://:{password}@{settings.redis.host}:{settings.redis.port}/{EVENTS_DATABASE}"


def broker_url(settings: Settings) -> str:
    """For Celery, which spells sockets in a way of its own."""
    password = quote(settings.secret("redis").reveal(), safe="")
    if settings.redis_socket is not None:
        return f"redis+socket://:{password}@{settings.redis_socket}?virtual_host={BROKER_DATABASE}"
    return f"redis://:{password}@{settings.redis.host}:{settings.redis.port}/{BROKER_DATABASE}"


def database_tls(settings: Settings) -> dict[str, str]:
    """Options of libpq: encrypted beyond this machine, and checked wherever a certificate to check against is named."""
    if (mode := settings.database_tls) is None:
        return {}
    if settings.database.ca_file is None:
        return {"sslmode": mode}
    return {"sslmode": mode, "sslrootcert": str(settings.database.ca_file)}
