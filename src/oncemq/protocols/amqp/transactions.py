"""Confirms, and transactions: what is published and settled in one waits on the channel until it is committed."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from oncemq.core import routed_commands as commands
from oncemq.core import routed_outputs as outputs
from oncemq.protocols.amqp import refusals
from oncemq.protocols.amqp.asked import Asked
from oncemq.protocols.amqp.errors import FrameFault
from oncemq.protocols.amqp.methods import Method
from oncemq.protocols.amqp.publishing import say
from oncemq.protocols.amqp.specification.confirm import ConfirmSelect, ConfirmSelectOk
from oncemq.protocols.amqp.specification.tx import (
    TxCommit,
    TxCommitOk,
    TxRollback,
    TxRollbackOk,
    TxSelect,
    TxSelectOk,
)

if TYPE_CHECKING:
    from oncemq.protocols.amqp.channel import AmqpChannel


def confirm_select(channel: "AmqpChannel", method: ConfirmSelect, asked: list[Asked]) -> None:
    """confirm.select"""
    if channel.transaction is not None:
        raise FrameFault(refusals.TX_TO_CONFIRM)
    channel.confirms = True
    if not method.no_wait:
        channel.reply(ConfirmSelectOk())


def tx_select(channel: "AmqpChannel", method: TxSelect, asked: list[Asked]) -> None:
    """tx.select"""
    if channel.confirms:
        raise FrameFault(refusals.CONFIRM_TO_TX)
    if channel.transaction is None:
        channel.transaction, channel.unsettled.set_aside = [], []
    channel.reply(TxSelectOk())


def tx_commit(channel: "AmqpChannel", method: TxCommit, asked: list[Asked]) -> None:
    """tx.commit"""
    if channel.transaction is None:
        raise FrameFault(refusals.NOT_TRANSACTIONAL)
    done, channel.transaction = channel.transaction, []
    channel.unsettled.commit()
    runs = [run for each in done if isinstance(each, commands.Publish) for run in each.runs]

    def committed(output: outputs.TransactionDone) -> Method | None:
        channel.unsettled.committed()
        say(channel, runs, output.outcomes, 0)
        return None if channel.closing else TxCommitOk()

    channel.ask(commands.Transact(channel.connection.host, done), asked, committed, method.NUMBER)


def tx_rollback(channel: "AmqpChannel", method: TxRollback, asked: list[Asked]) -> None:
    """tx.rollback: what was settled in it is held again, under the same tags, as in RabbitMQ."""
    if channel.transaction is None:
        raise FrameFault(refusals.NOT_TRANSACTIONAL)
    channel.transaction = []
    channel.unsettled.put_back()
    channel.reply(TxRollbackOk())


HANDLERS: dict[type[Any], Callable[["AmqpChannel", Any, list[Asked]], None]] = {
    ConfirmSelect: confirm_select,
    TxSelect: tx_select,
    TxCommit: tx_commit,
    TxRollback: tx_rollback,
}
