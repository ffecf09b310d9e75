"""Plays every scenario of tests/amqp_clients/comparison to Debian's rabbitmq-server, and records what it says.

python -m tools.rabbitmq_answers        some two minutes: RabbitMQ waits before it closes some connections
"""

import json

from bench.rabbitmq import RabbitMq, install
from tests.amqp_clients.comparison.rabbitmq import RECORD, asked


def main() -> None:
    """Write the record anew."""
    install()
    with RabbitMq() as server:
        answers = asked(server.port)
    RECORD.write_text(json.dumps(answers, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    print(f"{RECORD}: {len(answers)} scenarios")


if __name__ == "__main__":
    main()
