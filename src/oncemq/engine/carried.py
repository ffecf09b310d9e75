"""Which outputs carry stored contents, and whose leases they are."""

from oncemq.core.outputs import Output, Received, ReceivedMessage
from oncemq.core.refusals import Refusal
from oncemq.core.routed_outputs import Deliveries, Got

Carrier = Received | Deliveries | Got


def carried(output: Output | Refusal) -> list[ReceivedMessage]:
    """The messages of an output, whose contents are to be filled in before it leaves."""
    if isinstance(output, Received):
        return output.messages
    if isinstance(output, Deliveries):
        return [message.received for message in output.messages]
    if isinstance(output, Got) and output.message is not None:
        return [output.message.received]
    return []


CARRIERS = (Received, Deliveries, Got)
