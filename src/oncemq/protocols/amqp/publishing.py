"""basic.publish: messages of one read that were published in the same way become runs, and are confirmed together."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from oncemq.core.deduplication import DEDUPLICATION_HEADER, GROUP_HEADER, WINDOW_HEADER, rounded_window
from oncemq.core.model import CONTENT_AMQP, Content
from oncemq.core.outputs import Output
from oncemq.core.refusals import Refusal as CoreRefusal
from oncemq.core.routed_commands import Run, copies
from oncemq.core.routed_outputs import REJECTED, UNROUTED, Outcome, PublishedRuns
from oncemq.protocols.amqp import errors, properties
from oncemq.protocols.amqp.access import Access
from oncemq.protocols.amqp.errors import FrameFault
from oncemq.protocols.amqp.limits import LONGEST_MS
from oncemq.protocols.amqp.queue_arguments import TIMER_MS
from oncemq.protocols.amqp.refusals import foreign_user_id, invalid_expiration, invalid_message
from oncemq.protocols.amqp.replies import with_reply_name
from oncemq.protocols.amqp.specification.basic_client import BasicPublish
from oncemq.protocols.amqp.specification.basic_server import BasicReturn
from oncemq.protocols.amqp.tables import Table, decode_whole_table, type_name
from oncemq.protocols.amqp.writing import ack_frame, content_frames, method_frame, nack_frame, publish_route

if TYPE_CHECKING:
    from oncemq.protocols.amqp.channel import AmqpChannel

DELIVERY_MODES = (None, 1, properties.PERSISTENT)


class Publisher:
    """What one channel publishes."""

    def __init__(self, channel: "AmqpChannel") -> None:
        self.channel = channel
        self.runs: list[Run] = []
        self._last: tuple[bytes, bytes] | None = None
        """Method and properties (without the body's size) of the run that may go on."""
        self._known: tuple[bytes, bytes] | None = None
        """The same of the run that was made last, and that run."""
        self._template: Run
        self._access: Access
        """What the user might do when it was made: when that has changed, it is made anew."""

    def add(self, method: bytes, header: bytes, bodies: list[bytes]) -> None:
        """Messages that differ in nothing but their bodies. FrameFault when they cannot be."""
        same = (method, header[12:])
        if same != self._last or not self.runs:
            known = same == self._known and self._access is self.channel.connection.access
            run = replace(self._template, contents=[]) if known else self._run(BasicPublish.decode(method), header)
            shown = self._shown(run, header)
            if shown is not header:
                run.contents += [Content(CONTENT_AMQP, publish_route(method) + shown, body) for body in bodies]
                self.runs.append(run)
                self._last = None
                return
            self._last = self._known = same
            self._template, self._access = run, self.channel.connection.access
            self.runs.append(run)
        stored = publish_route(method) + header
        self.runs[-1].contents += [Content(CONTENT_AMQP, stored, body) for body in bodies]

    def _shown(self, run: Run, header: bytes) -> bytes:
        """The content header as consumers see it: itself, unless it says what they must not see or see otherwise."""
        return with_reply_name(self.channel, _without_blind_copies(header) if "BCC" in run.headers else header)

    def _run(self, method: BasicPublish, header: bytes) -> Run:
        access = self.channel.connection.access
        if not access.writable.get(method.exchange):
            access.check("write", "exchange", method.exchange)
        properties.check(header)
        mode = properties.read_delivery_mode(header)
        if mode not in DELIVERY_MODES:
            raise FrameFault(invalid_message(f"{{delivery_mode_unknown,{mode}}}"), BasicPublish.NUMBER)
        if method.immediate:
            raise FrameFault(errors.not_implemented("immediate=true"), BasicPublish.NUMBER)
        raw = properties.read_headers(header)
        headers: Table = decode_whole_table(raw) if raw is not None else {}
        self._check_user(header)
        _check_copies(headers)
        keys = [method.routing_key, *copies(headers, "CC"), *copies(headers, "BCC")]
        return Run(
            method.exchange,
            keys,
            headers,
            [],
            properties.read_priority(header) or 0,
            _expiration_ms(header),
            method.mandatory,
            _group(headers),
            properties.read_delivery_mode(header) == properties.PERSISTENT,
            _deduplication(headers),
            _window_ms(headers),
            access.topic_refusal("write", method.exchange, keys) if access.topics else None,
        )

    def _check_user(self, header: bytes) -> None:
        if header[13] & 0x10:
            claimed = properties.decode(header).user_id
            user = self.channel.connection.user
            if claimed is not None and claimed != user and not self.channel.connection.access.impersonates:
                raise FrameFault(foreign_user_id(claimed, user), BasicPublish.NUMBER)

    def take(self) -> list[Run]:
        """The runs since the last call."""
        runs, self.runs, self._last = self.runs, [], None
        return runs


def _without_blind_copies(header: bytes) -> bytes:
    """Nobody is shown who else was sent it under BCC."""
    decoded = properties.decode(header)
    decoded.headers = {name: value for name, value in (decoded.headers or {}).items() if name != "BCC"}
    return properties.encode(decoded, properties.body_bytes(header))


def _check_copies(headers: Table) -> None:
    for name in ("CC", "BCC"):
        found = headers.get(name)
        if found is not None and not isinstance(found, list):
            why = f'{{unacceptable_type_in_header,"{name}",{type_name(found)}}}'
            raise FrameFault(invalid_message(why), BasicPublish.NUMBER)


def _group(headers: Table) -> str | None:
    group = headers.get(GROUP_HEADER)
    return group if isinstance(group, str) else None


def _deduplication(headers: Table) -> bytes | None:
    given = headers.get(DEDUPLICATION_HEADER)
    return None if given is None else given if isinstance(given, bytes) else str(given).encode()


def _window_ms(headers: Table) -> int | None:
    window_ms = headers.get(WINDOW_HEADER)
    if not isinstance(window_ms, int) or isinstance(window_ms, bool) or window_ms < 1:
        return None
    return rounded_window(min(window_ms, LONGEST_MS))


def _expiration_ms(header: bytes) -> int | None:
    raw = properties.read_expiration(header)
    if raw is None:
        return None
    shown = raw.decode("utf-8", "replace")
    number = re.match(r"[+-]?[0-9]+", shown)
    if number is None:
        why = "no_integer"
    elif number.end() < len(shown):
        why = f'{{leftover_string,"{shown[number.end() :]}"}}'
    elif (value := int(number[0])) > TIMER_MS:
        why = f"{{value_too_large,{value}}}"
    elif value < 0:
        why = f"{{value_negative,{value}}}"
    else:
        return value
    raise FrameFault(invalid_expiration(shown, why), BasicPublish.NUMBER)


class Confirming(msgspec.Struct):
    """What to say of runs when their outcomes are known. `first_tag` 0: the channel does not confirm."""

    channel: "AmqpChannel"
    runs: list[Run]
    first_tag: int

    def __call__(self, output: Output | CoreRefusal) -> None:
        """An Answer's `handle`."""
        if isinstance(output, CoreRefusal):
            self.channel.core_refused(output, BasicPublish.NUMBER)
            return
        assert isinstance(output, PublishedRuns)
        say(self.channel, self.runs, output.outcomes, self.first_tag)


def _each(runs: list[Run], outcomes: list[Outcome | list[Outcome]]) -> Iterator[tuple[Run, Outcome]]:
    """Runs that have one outcome; those that have several, message by message."""
    for run, outcome in zip(runs, outcomes, strict=True):
        if isinstance(outcome, list):
            for content, its in zip(run.contents, outcome, strict=True):
                yield msgspec.structs.replace(run, contents=[content]), its
        else:
            yield run, outcome


def say(channel: "AmqpChannel", runs: list[Run], outcomes: list[Outcome | list[Outcome]], first_tag: int) -> None:
    """Returns, confirms and refusals, in the order of the messages."""
    tag = since = first_tag
    """The next message's, and that of the first which is not confirmed yet."""
    for run, outcome in _each(runs, outcomes):
        count = len(run.contents)
        if isinstance(outcome, CoreRefusal):
            _confirm(channel, since, tag)
            channel.core_refused(outcome, BasicPublish.NUMBER)
            return
        if outcome == UNROUTED and run.mandatory:
            _return(channel, run)
        if not first_tag:
            continue
        if outcome >= REJECTED:
            taken = outcome - REJECTED
            _confirm(channel, since, tag + taken)
            for rejected in range(tag + taken, tag + count):
                channel.connection.outgoing.append(nack_frame(channel.number, rejected, False))
            since = tag + count
        tag += count
    _confirm(channel, since, tag)


def _confirm(channel: "AmqpChannel", since: int, until: int) -> None:
    """Everything from `since` to before `until`."""
    if since < until:
        channel.connection.outgoing.append(ack_frame(channel.number, until - 1, until - since > 1))


def _return(channel: "AmqpChannel", run: Run) -> None:
    connection = channel.connection
    method = BasicReturn(errors.NO_ROUTE.code, errors.NO_ROUTE.name, run.exchange, run.keys[0])
    for content in run.contents:
        header = content.properties[_route_bytes(content.properties) :]
        connection.outgoing.append(method_frame(channel.number, method))
        connection.outgoing += content_frames(channel.number, header, content.body, connection.frame_bytes_max)


def _route_bytes(stored: bytes) -> int:
    exchange_end = 1 + stored[0]
    return exchange_end + 1 + stored[exchange_end]
