"""AMQP 0-9-1 as RabbitMQ speaks it: bytes to methods and back. No socket, no clock, no queue."""
