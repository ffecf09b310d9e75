"""A shop's orders through a server that is killed in the middle: `make demo`, or `python -m tools.demo`.

The flow is that of the mission's order program (`sqs_orders.py`), once for each door: web orders come in through SQS
and are worked off by AMQP workers (`amqp_clients.py`), mobile orders are published over AMQP and received through SQS
(`sqs_clients.py`). Orders go to a FIFO queue in groups by customer, with a dead-letter queue for those that can never
be processed; producers and consumers know nothing of each other.
What the table at the end says is what the clients noted (`notes.py`), never what the server says of itself.
"""
