"""Tests of the AMQP 0-9-1 wire."""
