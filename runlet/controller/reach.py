"""What `notify` may reach: no program, and no address that only the controller's own machine should, if not configured.

Who applies a job names the URL; what listens on the controller's loopback, or tells a machine of a cloud its
credentials, trusts whoever reaches it. Networks of a site stay open: receivers are there.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from runlet.errors import InvalidInput
from runlet.model.notify import Notify

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_BARRED: tuple[Network, ...] = (
    *LOOPBACK,
    IPv4Network("0.0.0.0/8"),  # Linux takes 0.0.0.0 for itself
    IPv6Network("::/128"),
    IPv4Network("169.254.0.0/16"),  # link-local; the metadata of most clouds at 169.254.169.254
    IPv6Network("fe80::/10"),
    IPv4Network("224.0.0.0/4"),  # multicast
    IPv6Network("ff00::/8"),
    IPv4Network("255.255.255.255/32"),
    IPv6Network("fd00:ec2::/32"),  # metadata of AWS
    IPv6Network("fd20:ce::254/128"),  # of Google Cloud
    IPv4Network("100.100.100.200/32"),  # of Alibaba Cloud
    IPv4Network("168.63.129.16/32"),  # of Azure
    IPv4Network("192.0.0.192/32"),  # of Oracle Cloud
)
# The last 32 bits of these are an IPv4 address: mapped, compatible, and translated (RFC 4291, RFC 6052, RFC 2765).
_HOLD_IPV4 = tuple(map(IPv6Network, ("::ffff:0:0/96", "::/96", "64:ff9b::/96", "::ffff:0:0:0/96")))


_NO_COMMANDS = (
    "the controller starts no commands; use a webhook, or set notify_commands in its configuration, with which whoever "
    "applies a job runs programs there"
)
ALLOWED_BY = "the controller's configuration can allow it with notify_networks"


@dataclass(frozen=True, slots=True)
class Reach:
    """What the configuration lets `notify` do: start programs of the controller's machine; reach barred networks."""

    commands: bool = False
    networks: tuple[Network, ...] = ()

    def refusal(self, notify: Notify) -> str | None:
        """Why it would never be told, as far as that is known without asking what a name's address is."""
        if notify.webhook is None:
            return None if self.commands else _NO_COMMANDS
        address = _written(urlsplit(notify.webhook).hostname or "")
        if address is None or not is_barred(address, self.networks):
            return None
        return f"webhooks may not go to {address}; {ALLOWED_BY}"


def _written(host: str) -> Address | None:
    """The address that a URL's host is, also as 127.1 or 0x7f000001; None for a name that has to be asked for."""
    if host == "localhost" or host.endswith(".localhost"):  # loopback, says RFC 6761
        return IPv4Address("127.0.0.1")
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def is_barred(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether a webhook may not go there; an IPv6 address that holds one of IPv4 is judged as that too."""
    if any(address in network for network in allowed):
        return False
    if any(address in network for network in _BARRED):
        return True
    held = _held(address)
    return held is not None and is_barred(held, allowed)


def networks(listed: object) -> tuple[Network, ...]:
    """Networks as a configuration writes them. Raises InvalidInput."""
    try:
        if isinstance(listed, list) and all(isinstance(one, str) for one in listed):
            return tuple(map(ip_network, listed))
    except ValueError as error:
        raise InvalidInput(f"notify_networks: {error}", _FORM) from None
    raise InvalidInput("notify_networks must be a list of networks", _FORM)


_FORM = 'write addresses or networks: ["127.0.0.1", "::1", "169.254.0.0/16"]'


def _held(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if any(address in network for network in _HOLD_IPV4):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour
