"""basic.*: prefetch, consumers, get, and settling by anything but basic.ack."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from oncemq.core import routed_commands as commands
from oncemq.core import routed_outputs as outputs
from oncemq.core.limits import LEASE_MS
from oncemq.protocols.amqp import errors, refusals
from oncemq.protocols.amqp.asked import Asked
from oncemq.protocols.amqp.delivering import parts_of
from oncemq.protocols.amqp.errors import FrameFault
from oncemq.protocols.amqp.methods import Method
from oncemq.protocols.amqp.replies import REPLY_TO, consume_replies, end_replies
from oncemq.protocols.amqp.specification import basic_client as basic
from oncemq.protocols.amqp.specification import basic_server
from oncemq.protocols.amqp.writing import content_frames

LEASE_ARGUMENT = "x-lease-ms"
LIVE_PREFETCH_ARGUMENT = "x-live-prefetch"

if TYPE_CHECKING:
    from oncemq.protocols.amqp.channel import AmqpChannel


def qos(channel: "AmqpChannel", method: basic.BasicQos, asked: list[Asked]) -> None:
    """basic.qos"""
    if method.prefetch_size:
        raise FrameFault(errors.not_implemented("prefetch_size!=0 (" + str(method.prefetch_size) + ")"))
    _extend_leases(channel, asked)
    if method.global_:
        command = commands.LimitChannel(channel.connection.host, channel, method.prefetch_count)
        channel.ask(command, asked, lambda _: basic_server.BasicQosOk(), method.NUMBER)
        return
    channel.limit = method.prefetch_count
    if channel.live_prefetch:
        limit = commands.LimitConsumers(channel.connection.host, channel, method.prefetch_count)
        channel.ask(limit, asked, lambda _: basic_server.BasicQosOk(), method.NUMBER)
    else:
        channel.reply(basic_server.BasicQosOk())


def consume(channel: "AmqpChannel", method: basic.BasicConsume, asked: list[Asked]) -> None:
    """basic.consume"""
    tag = method.consumer_tag
    if not tag:
        channel.generated += 1
        tag = f"amq.ctag-{id(channel.connection):x}-{channel.number}-{channel.generated}"
    if tag in channel.consumers:
        raise FrameFault(errors.consumer_tag_reused(tag))
    if method.queue == REPLY_TO:
        consume_replies(channel, method, tag, asked)
        return
    priority = _priority(channel, method)
    command = commands.Consume(
        channel.connection.host,
        channel.named(method.queue),
        channel,
        tag,
        channel.limit,
        method.no_ack,
        method.exclusive,
        priority,
        channel.connection,
        _lease_ms(channel, method),
        method.arguments.get(LIVE_PREFETCH_ARGUMENT) is True,
    )
    channel.live_prefetch = channel.live_prefetch or command.follows_limit
    channel.consumers[tag] = 0
    channel.no_ack[tag] = method.no_ack

    def consuming(output: outputs.Consuming) -> Method | None:
        if tag in channel.consumers:
            channel.consumers[tag] = output.consumer
        return None if method.no_wait else basic_server.BasicConsumeOk(tag)

    channel.ask(command, asked, consuming, method.NUMBER)


def _priority(channel: "AmqpChannel", method: basic.BasicConsume) -> int:
    """The consumer's; and what else it says about itself is looked at."""
    arguments, host, name = method.arguments, channel.connection.host, channel.named(method.queue)
    priority, on_failover = arguments.get("x-priority", 0), arguments.get("x-cancel-on-ha-failover", False)
    if not isinstance(priority, int) or isinstance(priority, bool):
        why = refusals.expected_integer(priority)
        raise FrameFault(refusals.invalid_argument("x-priority", "queue", name, host, why))
    if not isinstance(on_failover, bool):
        why = refusals.unacceptable_type(on_failover)
        raise FrameFault(refusals.invalid_argument("x-cancel-on-ha-failover", "queue", name, host, why))
    if "x-stream-offset" in arguments:
        raise FrameFault(refusals.argument_of_another_type("x-stream-offset", name, host))
    return priority


def _lease_ms(channel: "AmqpChannel", method: basic.BasicConsume) -> int:
    lease_ms = method.arguments.get(LEASE_ARGUMENT, 0)
    if not isinstance(lease_ms, int) or isinstance(lease_ms, bool) or not 0 <= lease_ms <= LEASE_MS:
        host, name = channel.connection.host, channel.named(method.queue)
        raise FrameFault(refusals.invalid_argument(LEASE_ARGUMENT, "queue", name, host, f"must be 0 to {LEASE_MS}"))
    channel.leases = channel.leases or lease_ms > 0
    return lease_ms


def _extend_leases(channel: "AmqpChannel", asked: list[Asked]) -> None:
    """Any basic.qos says that the channel is at work on what it holds."""
    held = channel.unsettled.held() if channel.leases else []
    if held:
        asked.append((commands.ExtendLeases(channel.connection.host, held), None))


def cancel(channel: "AmqpChannel", method: basic.BasicCancel, asked: list[Asked]) -> None:
    """basic.cancel"""
    number = channel.consumers.get(method.consumer_tag, 0)
    if channel.reply_name and method.consumer_tag == channel.reply_tag:
        end_replies(channel, asked)
    channel.forget(method.consumer_tag)
    ok = None if method.no_wait else basic.BasicCancelOk(method.consumer_tag)
    channel.ask(commands.Cancel(channel.connection.host, number), asked, lambda _: ok, method.NUMBER)


def get(channel: "AmqpChannel", method: basic.BasicGet, asked: list[Asked]) -> None:
    """basic.get"""
    command = commands.Get(channel.connection.host, channel.named(method.queue), method.no_ack, channel.connection)

    def got(output: outputs.Got) -> Method | None:
        if output.message is None:
            return basic_server.BasicGetEmpty()
        received = output.message.received
        assert received.content is not None
        lease = commands.LeaseRun(received.lease.queue, received.lease.entry, 1, received.lease.token, 0)
        tag = channel.unsettled.skip() if method.no_ack else channel.unsettled.hold(lease)
        frame_bytes_max = channel.connection.frame_bytes_max
        route, header, body = parts_of(received.content, received.sent_ms, output.message.afterlife, frame_bytes_max)
        exchange_end = 1 + route[0]
        names = (route[1:exchange_end].decode(), route[exchange_end + 1 :].decode())
        channel.send(basic_server.BasicGetOk(tag, output.message.redelivered, *names, output.ready))
        frames = content_frames(channel.number, header, body, channel.connection.frame_bytes_max)
        channel.connection.outgoing += frames
        return None

    channel.ask(command, asked, got, method.NUMBER)


def reject(channel: "AmqpChannel", method: basic.BasicReject, asked: list[Asked]) -> None:
    """basic.reject"""
    outcome = commands.REQUEUE if method.requeue else commands.REJECT
    channel.settle(method.delivery_tag, False, outcome, asked)


def nack(channel: "AmqpChannel", method: basic.BasicNack, asked: list[Asked]) -> None:
    """basic.nack"""
    outcome = commands.REQUEUE if method.requeue else commands.REJECT
    channel.settle(method.delivery_tag, method.multiple, outcome, asked)


def recover(channel: "AmqpChannel", method: basic.BasicRecover, asked: list[Asked]) -> None:
    """basic.recover"""
    if not method.requeue:
        raise FrameFault(errors.not_implemented("requeue=false"))
    channel.settle(0, True, commands.REQUEUE, asked)
    channel.gather(asked)
    channel.reply(basic_server.BasicRecoverOk())


def recover_async(channel: "AmqpChannel", method: basic.BasicRecoverAsync, asked: list[Asked]) -> None:
    """basic.recover-async"""
    if not method.requeue:
        raise FrameFault(errors.not_implemented("requeue=false"))
    channel.settle(0, True, commands.REQUEUE, asked)


HANDLERS: dict[type[Any], Callable[["AmqpChannel", Any, list[Asked]], None]] = {
    basic.BasicQos: qos,
    basic.BasicConsume: consume,
    basic.BasicCancel: cancel,
    basic.BasicGet: get,
    basic.BasicReject: reject,
    basic.BasicNack: nack,
    basic.BasicRecover: recover,
    basic.BasicRecoverAsync: recover_async,
}
