"""Deliveries cut out of stored bytes, beside the same contents shown one by one."""

from __future__ import annotations

from array import array
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from oncemq.core.content import StoredRun
from oncemq.core.model import CONTENT_AMQP, CONTENT_SQS, Afterlife, Content, Death
from oncemq.core.routed_commands import LeaseRun
from oncemq.core.routed_outputs import Deliveries
from oncemq.journal.codec import encode_content
from oncemq.protocols.amqp import properties
from oncemq.protocols.amqp.channel import AmqpChannel
from oncemq.protocols.amqp.delivering import deliver
from oncemq.protocols.amqp.writing import encode_route
from tests.protocols.amqp.connections import new_connection

FRAME_BYTES = 4_096
AFTERLIFE = Afterlife([Death("q", "expired", "x", ["k"], 1, 5)], "dead", ["k"], "q", "expired", "x")
BEFORE = b"records before"


def from_amqp(exchange: str, key: str, priority: int | None, body: bytes) -> Content:
    header = properties.encode(properties.Properties(priority=priority), len(body))
    return Content(CONTENT_AMQP, encode_route(exchange, key) + header, body)


contents = st.one_of(
    st.builds(
        from_amqp,
        st.sampled_from(["", "x"]),
        st.sampled_from(["q", "r"]),
        st.sampled_from([None, 7]),
        st.sampled_from([b"", b"body", b"other", b"longer than the others", b"y" * 9_000]),
    ),
    st.just(Content(CONTENT_SQS, b"", b"from the other door")),
)


def written(deliveries: Deliveries) -> bytes:
    """What a client is sent."""
    connection = new_connection()
    connection.frame_bytes_max = FRAME_BYTES
    channel = AmqpChannel(connection, 3)
    deliver(channel, deliveries, no_ack=False)
    assert channel.unsettled.last_tag == len(deliveries.positions)
    return b"".join(connection.outgoing)


@settings(deadline=None)
@given(st.lists(st.tuples(contents, st.booleans(), st.booleans()), min_size=1, max_size=12), st.integers(1, 12))
def test_cut_out_of_stored_bytes_they_are_the_same(shown: list[tuple[Content, bool, bool]], cut: int) -> None:
    stored = [encode_content(content) for content, _, _ in shown]
    lengths = array("I", map(len, stored))
    positions = array("Q", list(accumulate(lengths, initial=1_000 + len(BEFORE)))[:-1])
    afterlives = {place: AFTERLIFE for place, (content, _, died) in enumerate(shown) if died and content.kind}
    again = bytes(redelivered for _, redelivered, _ in shown)
    leases = [LeaseRun(1, 0, len(shown), 1, 1)]
    sent_ms = array("q", bytes(8 * len(shown)))
    data = BEFORE + b"".join(stored)
    runs = [StoredRun(data, 1_000, min(cut, len(shown)))]
    if cut < len(shown):
        runs.append(StoredRun(data[positions[cut] - 1_000 :], positions[cut], len(shown) - cut))

    def output(alone: list[Content], found: list[StoredRun]) -> Deliveries:
        columns = (positions, lengths, sent_ms, again, afterlives)
        return Deliveries("/", 1, "tag", leases, *columns, alone, found)

    assert written(output([], runs)) == written(output([content for content, _, _ in shown], []))
