"""Where OnceMQ answers otherwise than RabbitMQ 3.10, which Debian has, and why. All else must be the same."""

CLEAR = "RabbitMQ closes the socket without a word, or with INTERNAL_ERROR; a clear close helps whoever debugs a client"
WIDTH = "an integer's width on the wire is not kept: its type is shown as signedint or long, a float's as double"
MORE = "OnceMQ takes what this RabbitMQ, or RabbitMQ without its plugins, does not"
LENIENT = "zero means: as offered; clients that do not negotiate send it"
METHOD = "the same words and code; the close names the method besides"
LIMITS = "not waited for: nobody is to send so much, or nest so deep"
STRICT = "what cannot be read is refused where RabbitMQ passes it on to consumers"
ERLANG = "Erlang breaks a long term into lines"

DIFFERENCES: dict[str, str] = {
    "declared again: one octet": WIDTH,
    "argument: message_ttl 1.5": WIDTH,
    "consumer argument: x-priority 1.5": WIDTH,
    "argument: delivery_limit -1": MORE,
    "argument: delivery_limit '5'": MORE,
    "exchange type: 'x-random'": MORE,
    "property: expiration '99999999999999999999'": ERLANG,
    "frame: unknown class": CLEAR,
    "frame: unknown method": CLEAR,
    "frame: unknown class on channel 0": CLEAR,
    "frame: deliver from a client": "RabbitMQ waits for the content of a method that is not a client's to send",
    "frame: a server's method on channel 0": "a method that no client sends is the same mistake on any channel",
    "frame: not UTF-8": METHOD,
    "frame: flags that lie": CLEAR,
    "frame: a flag that is none": STRICT,
    "frame: more flags": CLEAR,
    "frame: 2**63 bytes": LIMITS,
    "frame: a thousand tables": LIMITS,
    "frame: a table that lies": CLEAR,
    "frame: a key that lies": CLEAR,
    "frame: a field of no type": CLEAR,
    "frame: a text that lies": CLEAR,
    "method: close-ok of what is not open": "closes of both sides may have crossed, and the channel be gone already",
    "method: credit": CLEAR,
    "handshake: AMQP 0-8": "only 0-9-1 is spoken (and 0-9's header taken for it)",
    "handshake: a wrong password": METHOD,
    "handshake: nobody": METHOD,
    "handshake: no name": METHOD,
    "handshake: AMQPLAIN, a wrong password": METHOD,
    "handshake: an empty response": CLEAR,
    "handshake: a response without a password": CLEAR,
    "handshake: an authorization identity": "who one acts for may be named, as RFC 4616 says, and is not looked at",
    "handshake: frames too small": CLEAR,
    "handshake: frames too large": CLEAR,
    "handshake: too many channels": CLEAR,
    "handshake: start-ok twice": CLEAR,
    "handshake: frames without a limit": LENIENT,
    "handshake: channels without a limit": LENIENT,
    "handshake: no host": "no host named is the default one",
    "handshake: more channels than agreed on": METHOD,
}
"""Scenario → why."""
