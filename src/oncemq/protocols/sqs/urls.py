"""Where a queue is: queue URLs, ARNs, virtual hosts, and the Host header that URLs in answers follow.

A queue URL names its queue by its path alone, `/<12 digits>/<name>`; the region comes with the request.
"""

import re
from typing import Any
from urllib.parse import urlsplit

import msgspec

from oncemq.protocols.sqs.errors import INVALID_ADDRESS, QUEUE_DOES_NOT_EXIST, Rejected
from oncemq.protocols.sqs.limits import CACHED_ADDRESSES, CACHED_TEXT_BYTES

REGION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
ACCOUNT = re.compile(r"[0-9]{12}")
QUEUE_NAME = re.compile(r"(?=.{1,80}\Z)[A-Za-z0-9_-]+(?:\.fifo)?", re.ASCII)
QUEUE_PATH = re.compile(r"/([0-9]{12})/([^/]+)")
HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
REGIONAL_HOST = re.compile(r"(?:[^.]+\.)*?sqs\.([a-z0-9-]+)\..+")
QUEUE_ARN = re.compile(r"arn:aws[a-z-]*:sqs:([a-z0-9-]{1,32}):([0-9]{12}):([A-Za-z0-9_.-]{1,80})")


class Place(msgspec.Struct, frozen=True):
    """An account in a region, and the virtual host that holds its queues."""

    account: str
    region: str
    host: str

    def arn(self, queue: str) -> str:
        """The ARN of a queue here."""
        return f"arn:{_partition(self.region)}:sqs:{self.region}:{self.account}:{queue}"


class QueuePlace(msgspec.Struct, frozen=True):
    """A queue, named, and where it is. Whether it exists only the core knows."""

    place: Place
    queue: str


class Origin(msgspec.Struct, frozen=True):
    """What a Host header says: the beginning of queue URLs, and a region if it names one."""

    base_url: str
    region: str | None


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


class Addresses:
    """Reads and writes addresses for one server; what was read is kept, up to a limit."""

    def __init__(self, default_account: str, default_region: str, scheme: str, default_authority: str) -> None:
        self.default_account = default_account
        self.default_region = default_region
        self._scheme = scheme
        self._default_authority = default_authority
        self._places: dict[tuple[str, str], Place] = {}
        self._queues: dict[tuple[str, str], QueuePlace] = {}
        self._origins: dict[bytes, Origin] = {}

    def place(self, account: str, region: str) -> Place:
        """The place of an account and a region, both valid."""
        key = (account, region)
        place = self._places.get(key)
        if place is None:
            default = account == self.default_account and region == self.default_region
            place = Place(account, region, "/" if default else f"{account}/{region}")
            _keep(self._places, key, place)
        return place

    def queue(self, url: str, region: str) -> QueuePlace:
        """The queue that a queue URL names, in `region`. Rejected: InvalidAddress, QueueDoesNotExist."""
        key = (url, region)
        found = self._queues.get(key)
        if found is None:
            account, name = read_queue_url(url)
            found = QueuePlace(self.place(account, region), name)
            if len(url) <= CACHED_TEXT_BYTES:
                _keep(self._queues, key, found)
        return found

    def queue_of_arn(self, arn: str) -> QueuePlace | None:
        """The queue that an ARN names; None when it is not the ARN of a queue."""
        match = QUEUE_ARN.fullmatch(arn)
        if match is None or not QUEUE_NAME.fullmatch(match[3]):
            return None
        return QueuePlace(self.place(match[2], match[1]), match[3])

    def origin(self, host: bytes) -> Origin:
        """What the Host header says; the default when it is absent or malformed."""
        origin = self._origins.get(host)
        if origin is None:
            origin = self._read_origin(host)
            if len(host) <= CACHED_TEXT_BYTES:
                _keep(self._origins, host, origin)
        return origin

    def _read_origin(self, host: bytes) -> Origin:
        text = host.decode("latin-1")
        if not HOST.fullmatch(text):
            return Origin(f"{self._scheme}://{self._default_authority}", None)
        match = REGIONAL_HOST.fullmatch(text.lower())
        region = match[1] if match is not None and REGION.fullmatch(match[1]) else None
        return Origin(f"{self._scheme}://{text}", region)


def read_queue_url(url: str) -> tuple[str, str]:
    """Account and queue name of a queue URL, or of a path alone. Rejected: InvalidAddress, QueueDoesNotExist."""
    try:
        path = urlsplit(url).path
    except ValueError:
        path = ""
    match = QUEUE_PATH.fullmatch(path)
    if match is None or match[2] in (".", ".."):
        raise Rejected(INVALID_ADDRESS, f"The address {url[:CACHED_TEXT_BYTES]} is not valid for this endpoint.")
    if not QUEUE_NAME.fullmatch(match[2]):
        raise Rejected(QUEUE_DOES_NOT_EXIST, "The specified queue does not exist.")
    return match[1], match[2]


def _keep(cache: dict[Any, Any], key: object, value: object) -> None:
    if len(cache) >= CACHED_ADDRESSES:
        cache.clear()
    cache[key] = value
