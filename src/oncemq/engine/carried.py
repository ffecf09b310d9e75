"""Which outputs carry stored contents, and whose leases they are."""

from collections.abc import Sequence

from oncemq.core.commands import Lease
from oncemq.core.content import StoredRun
from oncemq.core.outputs import Output, Received, ReceivedMessage
from oncemq.core.refusals import Refusal
from oncemq.core.routed_outputs import Deliveries, Got
from oncemq.engine.contents import contents_of

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


def fill_in(output: Carrier, found: list[StoredRun]) -> None:
    """Give it what it wanted."""
    if isinstance(output, Deliveries):
        output.stored = found
    else:
        messages = _empty(output)
        places = [message.position for message in messages], [message.length_bytes for message in messages]
        for message, content in zip(messages, contents_of(found, *places), strict=True):
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
