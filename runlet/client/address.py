"""What follows from the URLs of the controllers. Their scheme is http or https; the WebSocket's follows from it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit, urlunsplit

from runlet.errors import InvalidInput


def check_url(url: str) -> str:
    """`url` without a trailing slash; raises InvalidInput when it is no HTTP URL."""
    parts = urlsplit(url)
    try:
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # urlsplit checks the port when it is read
        valid = False
    if not valid:
        raise InvalidInput(f"{url!r} is no URL of a controller", "write it like https://controller.example:8080")
    return url.rstrip("/")


def check_urls(urls: str) -> list[str]:
    """The addresses in `urls`, separated by commas, in their order; raises InvalidInput when one is no HTTP URL."""
    return [check_url(url.strip()) for url in urls.split(",")]


def websocket_url(url: str) -> str:
    """The same place, for a WebSocket."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(scheme="wss" if parts.scheme == "https" else "ws"))


def is_loopback(url: str) -> bool:
    """Whether the controller is on this machine, where a proxy from the environment has no business."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
