"""Which outputs carry stored contents, and whose leases they are."""

from collections.abc import Sequence

from oncemq.core.commands import Lease
from oncemq.core.model import Content
from oncemq.core.outputs import Output, Received, ReceivedMessage
from oncemq.core.refusals import Refusal
from oncemq.core.routed_outputs import Deliveries, Got

Carrier = Received | Deliveries | Got
CARRIERS = (Received, Deliveries, Got)


def _messages(output: Received | Got) -> list[ReceivedMessage]:
    if isinstance(output, Received):
        return output.messages
    return [] if output.message is None else [output.message.received]


def _empty(output: Received | Got) -> list[ReceivedMessage]:
    """Those without their content: a transient message brings it along."""
    return [message for message in _messages(output) if message.content is None]


def wanted(output: Carrier) -> tuple[Sequence[int], Sequence[int]]:
    """Positions and lengths of the contents that are to be filled in before it leaves."""
    if isinstance(output, Deliveries):
        return ((), ()) if output.contents else (output.positions, output.lengths)
    messages = _empty(output)
    return [message.position for message in messages], [message.length_bytes for message in messages]


def fill_in(output: Carrier, contents: list[Content]) -> None:
    """Give it what it wanted."""
    if isinstance(output, Deliveries):
        output.contents = output.contents or contents
    else:
        for message, content in zip(_empty(output), contents, strict=True):
            message.content = content


def returned(output: Output | Refusal) -> list[Lease]:
    """The leases that go back when nobody gets this output."""
    if isinstance(output, Deliveries):
        return [
            Lease(run.queue, run.first_entry + offset, run.first_token + offset)
            for run in output.leases
            for offset in range(run.count)
        ]
    if isinstance(output, Got) or (isinstance(output, Received) and output.returned_if_unwritten):
        return [message.lease for message in _messages(output)]
    return []
