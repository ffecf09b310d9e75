"""The generator of oncemq.protocols.amqp.specification, and what it generates from: methods.toml."""
