"""What may be reached: exact names and ports, and which addresses a name may lead to. Pure."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class AllowList:
    """``egress.allow``. A name on it may lead anywhere on the internet, and to an address of the inside only if that
    address is on the list too, with the same port: whoever answers for a name must not be able to point it at us."""

    entries: frozenset[tuple[str, int]]

    @classmethod
    def read(cls, entries: Iterable[str]) -> Self:
        """From ``host:port`` as the settings have checked it."""
        pairs = (entry.rpartition(":") for entry in entries)
        return cls(frozenset((host, int(port)) for host, _, port in pairs))

    def names(self, host: str, port: int) -> bool:
        """Capital letters make no difference in a name; a dot at its end, or another port, does."""
        return (host.lower(), port) in self.entries

    def select(self, addresses: Iterable[str], port: int) -> list[str]:
        """Those of a name's addresses that may be connected to, in order."""
        return [text for text in addresses if self._may_reach(text, port)]

    def _may_reach(self, text: str, port: int) -> bool:
        address = _unwrap(ipaddress.ip_address(text))
        outside = address.is_global and not address.is_multicast
        return outside or (str(address), port) in self.entries


def _unwrap(address: Address) -> Address:
    """An IPv6 address that stands for an IPv4 address is that address."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None) or address
