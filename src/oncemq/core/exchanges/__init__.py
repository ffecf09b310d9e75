"""Exchanges: which destinations a message is routed to. One kind a file; `MATCHERS` names them all."""

from oncemq.core.exchanges.bindings import Binding, Matcher
from oncemq.core.exchanges.direct import Direct
from oncemq.core.exchanges.fanout import Fanout
from oncemq.core.exchanges.headers import Headers
from oncemq.core.exchanges.topic import Topic

MATCHERS: dict[str, type[Matcher]] = {"direct": Direct, "fanout": Fanout, "topic": Topic, "headers": Headers}
"""Exchange type, as AMQP names it → how it matches."""

__all__ = ["MATCHERS", "Binding", "Matcher"]
