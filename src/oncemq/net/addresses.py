"""Addresses to listen on and to be spoken to from."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a name or an address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
