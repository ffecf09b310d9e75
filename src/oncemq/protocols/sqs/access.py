"""Who may ask: the keys of the configuration, and whether signatures are looked at."""

import msgspec

DEFAULT_ACCOUNT = "000000000000"
DEFAULT_KEY_ID = "test"
DEFAULT_SECRET = "test"

VERIFY = "verify"
OPEN = "open"


class Access(msgspec.Struct, frozen=True):
    """`mode` is VERIFY or OPEN. `keys`: access key id to (secret, 12-digit account).

    The key test/test of account 000000000000 is valid besides, for loopback peers only, unless `default_key` is False
    or `keys` gives the id `test` another secret.
    """

    mode: str = VERIFY
    keys: dict[str, tuple[str, str]] = {}
    default_key: bool = True

    def key(self, key_id: str, peer_is_loopback: bool) -> tuple[str, str] | None:
        """Secret and account of an access key id, None when it is not valid for this peer."""
        found = self.keys.get(key_id)
        if found is None and self.default_key and peer_is_loopback and key_id == DEFAULT_KEY_ID:
            return DEFAULT_SECRET, DEFAULT_ACCOUNT
        return found
