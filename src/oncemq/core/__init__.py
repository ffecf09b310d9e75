"""The pure core: state, command and now go in, records and outputs come out.

Nothing here reads a clock, a file, a socket or a random number. The one import from outside is msgspec's
Struct, the class of commands, records and outputs: it is data, not input or output.
"""
