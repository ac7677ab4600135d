"""A guard that opens public addresses, and of those inside the network the ones that an operator lists."""

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_network
from urllib.parse import SplitResult, urlsplit

from chatapp.addresses import Address, complain_of_url, is_host_name, is_loopback_name, may_reach, read_address

MAX_URL = 2000
_SCHEMES = {"http", "https"}


@dataclass(frozen=True, slots=True)
class ListedPlaces:
    """A `guarded.Guard`. `listed` are hosts, addresses and networks in lower case; `setting` is where they are named.

    Link-local and metadata addresses are never reached.
    """

    listed: Collection[str]
    setting: str

    def complain_of(self, url: str) -> str:
        """What is wrong with the address as it is written; "" when nothing is."""
        return complain_of_url(url, max_characters=MAX_URL) or self._complain_of_place(urlsplit(url))

    def is_allowed(self, host: str, ip: str) -> bool:
        """Whether a connection that is meant for `host` may go to the address `ip`."""
        return may_reach(host, ip, is_listed=lambda address: self.is_listed(host) or self._is_in_listed_place(address))

    def is_listed(self, host: str) -> bool:
        """Whether the operator names this very host, which may have an address inside the network then."""
        return host.lower().rstrip(".") in self.listed

    def _complain_of_place(self, parts: SplitResult) -> str:
        host = parts.hostname or ""
        address = read_address(host)
        if parts.scheme not in _SCHEMES:
            return "It starts with https:// or http://."
        if address is None and not is_host_name(host):
            return "It names a host or a whole IP address."
        inside = address is not None and not self.is_allowed(host, host)
        if inside or (is_loopback_name(host) and not self.is_listed(host)):
            return f"It is an address inside the network, which {self.setting} does not list."
        return ""

    def _is_in_listed_place(self, address: Address) -> bool:
        networks = (ip_network(entry) for entry in self.listed if "/" in entry)
        return self.is_listed(str(address)) or any(address in network for network in networks)
