"""What a server is told: on the command line, in the environment (ONCEMQ_…), or in a TOML file, in this order of
weight.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from oncemq.net.addresses import is_loopback

DEFAULT_SQS_PORT = 9324
DEFAULT_AMQP_PORT = 5672
DEFAULT_AMQPS_PORT = 5671
OFF = "off"
DEFAULT_ACCOUNT = "000000000000"

_REGION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_MISMATCH = re.compile(r"Expected `([^`]*)`, got `([^`]*)` - at `\$\.(.*)`")
_SMALLEST = {
    "disk-reserve-bytes": 0,
    "checkpoint-bytes": 1,
    "segment-bytes": 1024 * 1024,
    "transient-memory-bytes": 0,
    "memory-limit-bytes": 0,
    "queue-name-reuse-seconds": 0,
    "drain-seconds": 0,
}


class ConfigurationError(Exception):
    """A setting that cannot be; the message names it."""


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key that may sign requests."""

    id: str
    secret: str
    account: str = DEFAULT_ACCOUNT


class User(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A user that may log in through AMQP; without a password only by a certificate."""

    name: str
    password: str | None = None
    tags: tuple[str, ...] = ()


class VirtualHost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A virtual host."""

    name: str
    description: str = ""
    tags: tuple[str, ...] = ()


class HostPermission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a user may do in a virtual host: regular expressions, searched for in names."""

    user: str
    configure: str
    write: str
    read: str
    vhost: str = "/"


class ExchangePermission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The routing keys that a user may publish and bind with at a topic exchange."""

    user: str
    exchange: str
    write: str
    read: str
    vhost: str = "/"


class PolicySetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """A policy, as RabbitMQ's `set_policy` has it; `operator`: an operator's policy, which limits."""

    name: str
    pattern: str
    definition: dict[str, Any]
    apply_to: str = "all"
    priority: int = 0
    operator: bool = False
    vhost: str = "/"


class Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """The settings of `oncemq serve`, under the names that the command line gives them."""

    data: str = "oncemq-data"
    host: str = "127.0.0.1"
    sqs_port: int | str = DEFAULT_SQS_PORT
    amqp_port: int | str = DEFAULT_AMQP_PORT
    amqps_port: int | str | None = None
    """None: 5671 if there is a certificate, else off."""
    sqs_auth: str = "verify"
    keys: tuple[Key, ...] = ()
    users: tuple[User, ...] = ()
    policies: tuple[PolicySetting, ...] = ()
    vhosts: tuple[VirtualHost, ...] = ()
    permissions: tuple[HostPermission, ...] = ()
    topic_permissions: tuple[ExchangePermission, ...] = ()
    default_user: str = "guest"
    """The administrator of a new data folder."""
    default_password: str = "guest"
    loopback_users: tuple[str, ...] = ("guest",)
    """Who may log in through AMQP from this machine only."""
    region: str = "us-east-1"
    tls_certificate: str | None = None
    tls_key: str | None = None
    tls_client_authorities: str | None = None
    """Who signs the certificates of clients (AMQP)."""
    tls_client_required: bool = False
    external_login: str = "distinguished-name"
    """How a client's certificate names its user: distinguished-name or common-name."""
    disk_reserve_bytes: int = 512 * 1024 * 1024
    """Sends are refused while less than this is free."""
    memory_limit_bytes: int = 0
    """Sends are refused, and AMQP publishers wait, while more than this is used. 0: 60 percent of the machine's."""
    segment_bytes: int = 64 * 1024 * 1024
    """Size of new files of the journal, allocated at once; space is given back file by file."""
    checkpoint_bytes: int = 64 * 1024 * 1024
    """A checkpoint begins when that much was journalled since the last one: it bounds the time of a restart."""
    transient_memory_bytes: int = 32 * 1024 * 1024
    """Contents of transient messages that are kept in memory; more go to files without a name."""
    queue_name_reuse_seconds: int = 0
    """How long the name of a deleted queue stays taken (60 on Amazon SQS)."""
    drain_seconds: int = 10
    log_level: str = "info"


def port_number(name: str, port: int | str) -> int | None:
    """The port to listen on, 0 for any free one, None for a door that is off."""
    if port == OFF:
        return None
    try:
        number = int(port)
    except ValueError:
        number = -1
    if not 0 <= number <= 65_535:
        raise ConfigurationError(f"{name} must be a port, 0 for any free one, or off, not {port!r}")
    return number


def amqps_port_number(configuration: Configuration) -> int | None:
    """The port of AMQP over TLS."""
    if configuration.amqps_port is None:
        return None if configuration.tls_certificate is None else DEFAULT_AMQPS_PORT
    return port_number("amqps-port", configuration.amqps_port)


def default_place(configuration: Configuration) -> str:
    """What the SQS door calls the default virtual host."""
    return f"{DEFAULT_ACCOUNT}/{configuration.region}"


def load(path: str | None, given: dict[str, Any]) -> Configuration:
    """A configuration from a TOML file (or none) and the settings that were given otherwise, which win."""
    try:
        settings = tomllib.loads(Path(path).read_text()) if path else {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    settings.update({name.replace("_", "-"): value for name, value in given.items() if value is not None})
    try:
        configuration = msgspec.convert(settings, Configuration, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigurationError(_in_words(str(error))) from error
    _check(configuration)
    return configuration


def _in_words(found: str) -> str:
    mismatch = _MISMATCH.fullmatch(found)
    if mismatch is None:
        return found.replace("Object ", "the configuration ").replace("$.", "").replace("`", "")
    return f"{mismatch[3]} must be {mismatch[1].replace(' | ', ' or ')}, not {mismatch[2]}"


def _check(configuration: Configuration) -> None:
    _check_doors(configuration)
    _check_values(configuration)
    _check_keys(configuration.keys)
    _check_users(configuration)
    _check_policies(configuration.policies)
    if not is_loopback(configuration.host):
        _check_openness(configuration)


def _check_openness(configuration: Configuration) -> None:
    """Beyond loopback the doors that are open must know their callers."""
    if configuration.sqs_auth == "open":
        raise ConfigurationError(
            f"sqs-auth open takes any caller: it listens on loopback only, not on {configuration.host}"
        )
    if not configuration.keys and port_number("sqs-port", configuration.sqs_port) is not None:
        raise ConfigurationError(
            f"listening on {configuration.host} with the default key test/test would let anybody in: configure keys"
        )


def _check_doors(configuration: Configuration) -> None:
    sqs = port_number("sqs-port", configuration.sqs_port)
    amqp = port_number("amqp-port", configuration.amqp_port)
    amqps = amqps_port_number(configuration)
    if sqs is None and amqp is None and amqps is None:
        raise ConfigurationError("sqs-port and amqp-port are both off: there is nothing to serve")
    if (configuration.tls_certificate is None) != (configuration.tls_key is None):
        raise ConfigurationError("tls-certificate and tls-key go together")
    if configuration.tls_certificate is None:
        for name in ("amqps-port", "tls-client-authorities", "tls-client-required"):
            if getattr(configuration, name.replace("-", "_")) not in (None, False, OFF):
                raise ConfigurationError(f"{name} needs tls-certificate and tls-key")
    if configuration.tls_client_required and configuration.tls_client_authorities is None:
        raise ConfigurationError("tls-client-required needs tls-client-authorities")


def _check_values(configuration: Configuration) -> None:
    if configuration.sqs_auth not in ("verify", "open"):
        raise ConfigurationError(f"sqs-auth must be verify or open, not {configuration.sqs_auth!r}")
    if configuration.log_level not in ("debug", "info", "warning", "error", "critical"):
        raise ConfigurationError(f"log-level: {configuration.log_level!r} is none")
    if configuration.external_login not in ("distinguished-name", "common-name"):
        raise ConfigurationError(f"external-login: {configuration.external_login!r} is none")
    if not configuration.data:
        raise ConfigurationError("data must name a folder")
    if not configuration.host:
        raise ConfigurationError("host must be an address or a name")
    if not _REGION.fullmatch(configuration.region):
        raise ConfigurationError(f"region must be a name like us-east-1, not {configuration.region!r}")
    for name, smallest in _SMALLEST.items():
        number = getattr(configuration, name.replace("-", "_"))
        if number < smallest:
            raise ConfigurationError(f"{name} must be {smallest} or more, not {number}")


def _check_keys(keys: tuple[Key, ...]) -> None:
    seen: set[str] = set()
    for key in keys:
        if not key.id or not key.secret:
            raise ConfigurationError("keys: id and secret must not be empty")
        if len(key.account) != 12 or not (key.account.isascii() and key.account.isdecimal()):
            raise ConfigurationError(f"keys: the account of {key.id} must have 12 digits, not {key.account!r}")
        if key.id in seen:
            raise ConfigurationError(f"keys: {key.id} is there twice")
        seen.add(key.id)


def _check_users(configuration: Configuration) -> None:
    _check_once("users", [user.name for user in configuration.users])
    _check_once("vhosts", [host.name for host in configuration.vhosts])
    for user in configuration.users:
        if user.password == "":
            raise ConfigurationError(f"users: the password of {user.name} must not be empty; without one, leave it out")
    if any(host.name == default_place(configuration) for host in configuration.vhosts):
        raise ConfigurationError(f"vhosts: {default_place(configuration)} is the virtual host /")
    if not configuration.default_user or not configuration.default_password:
        raise ConfigurationError("default-user and default-password must not be empty")


def _check_once(what: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if not name:
            raise ConfigurationError(f"{what}: name must not be empty")
        if name in seen:
            raise ConfigurationError(f"{what}: {name} is there twice")
        seen.add(name)


def _check_policies(policies: tuple[PolicySetting, ...]) -> None:
    """Their definitions are the core's to check."""
    seen: set[tuple[str, str, bool]] = set()
    for policy in policies:
        if (policy.vhost, policy.name, policy.operator) in seen:
            raise ConfigurationError(f"policies: {policy.name} is there twice")
        seen.add((policy.vhost, policy.name, policy.operator))
