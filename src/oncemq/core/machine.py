"""The machine: a command in, records and outputs out.

`decide` looks at the state, writes records into the batch that gathers, and applies each as it makes it, through
the same `apply` that recovery uses. An exception out of here ends the process: the state may be half changed, the
journal is not.
"""

from collections.abc import Callable
from typing import Any

from oncemq.core import commands, routed_commands, system_commands, waiting
from oncemq.core.apply import Places, apply
from oncemq.core.decide import (
    administering,
    declaring,
    delivering,
    governing,
    hosts,
    leasing,
    publishing,
    receiving,
    replying,
    sending,
    sending_together,
    settling,
    tasks,
    ticking,
    transacting,
    users,
)
from oncemq.core.decide.waking import serve_woken
from oncemq.core.host import DEFAULT_HOST, Partition
from oncemq.core.pieces import Pieces
from oncemq.core.records import HostCreated, IdentitySet, Record, ServerStarted
from oncemq.core.refusals import MemoryShort
from oncemq.core.snapshot import encode_piece
from oncemq.core.transient import Contents, ContentsInMemory
from oncemq.core.turn import Addressed, Log, Turn


class Machine:
    """The deterministic state machine of one partition."""

    def __init__(self, contents: Contents | None = None) -> None:
        """`contents` keeps those of transient messages: if not given, memory does."""
        self.state = Partition(Pieces(encode_piece), contents or ContentsInMemory())

    def turn(self, now_ms: int, log: Log, outputs: list[Addressed]) -> Turn:
        """What the decisions of one batch share. `now_ms` never falls from one batch to the next."""
        return Turn(self.state, now_ms, log, outputs)

    def decide(self, command: commands.Command, address: Any, now_ms: int, log: Log, outputs: list[Addressed]) -> None:
        """Decide one command in a turn of its own."""
        decide(self.turn(now_ms, log, outputs), command, address)

    def replay(self, record: Record, now_ms: int, places: Places) -> None:
        """Apply one record of the journal."""
        apply(self.state, record, now_ms, places)

    def recovered(self, now_ms: int) -> None:
        """Recovery is over: rebuild what waits for a time."""
        waiting.rebuild(self.state, now_ms)

    def next_due_ms(self) -> int | None:
        """When the next Tick has something to do, or None."""
        return self.state.timers.next_due_ms()


def _start_server(turn: Turn, command: commands.StartServer, address: Any) -> None:
    turn.state.name_reuse_wait_ms = command.name_reuse_wait_ms
    if not turn.state.system.identity_key:
        turn.emit(IdentitySet(command.identity_key))
        turn.emit(HostCreated(turn.state.system.next_host, DEFAULT_HOST))
    turn.emit(ServerStarted(turn.state.system.starts + 1))
    for host in list(turn.state.hosts.values()):
        delivering.end_channel_leases(turn, host)


def _report_memory(turn: Turn, command: commands.ReportMemory, address: Any) -> None:
    refusal = MemoryShort(command.used_bytes, command.limit_bytes)
    turn.state.short_of_memory = refusal if command.short else None


def _report_disk_space(turn: Turn, command: commands.ReportDiskSpace, address: Any) -> None:
    turn.state.nearly_full, turn.state.free_bytes = command.nearly_full, command.free_bytes


DECIDE: dict[type[commands.Command], Callable[[Turn, Any, Any], None]] = {
    commands.SendMessages: sending.send_messages,
    commands.SendTogether: sending_together.send_together,
    commands.ReceiveMessages: receiving.receive_messages,
    commands.DeleteMessages: leasing.delete_messages,
    commands.ChangeVisibility: leasing.change_visibility,
    commands.ReturnUndelivered: leasing.return_undelivered,
    commands.CancelWaiting: receiving.cancel_waiting,
    commands.EndWaiting: receiving.end_all_waiting,
    commands.Tick: ticking.tick,
    commands.CreateQueue: administering.create_queue,
    commands.DeleteQueue: administering.delete_queue,
    commands.DescribeQueue: administering.describe_queue,
    commands.ListQueues: administering.list_queues,
    commands.ListDeadLetterSources: administering.list_dead_letter_sources,
    commands.ChangeQueue: administering.change_queue,
    commands.PurgeQueue: administering.purge_queue,
    commands.TagQueue: administering.tag_queue,
    commands.UntagQueue: administering.untag_queue,
    commands.AddPermission: administering.add_permission,
    commands.RemovePermission: administering.remove_permission,
    commands.StartMoveTask: tasks.start_move_task,
    commands.CancelMoveTask: tasks.cancel_move_task,
    commands.ListMoveTasks: tasks.list_move_tasks,
    routed_commands.DeclareExchange: declaring.declare_exchange,
    routed_commands.DeleteExchange: declaring.delete_exchange,
    routed_commands.Bind: declaring.bind,
    routed_commands.Unbind: declaring.unbind,
    routed_commands.DeclareQueue: declaring.declare_queue,
    routed_commands.RemoveQueue: declaring.remove_queue,
    routed_commands.EmptyQueue: declaring.empty_queue,
    routed_commands.CloseConnection: declaring.close_connection,
    routed_commands.SetPolicy: governing.set_policy,
    routed_commands.ClearPolicy: governing.clear_policy,
    routed_commands.ListPolicies: governing.list_policies,
    routed_commands.ConfigurePolicies: governing.configure_policies,
    routed_commands.Publish: publishing.publish,
    routed_commands.CheckRuns: transacting.check_runs,
    routed_commands.Transact: transacting.transact,
    routed_commands.Consume: delivering.consume,
    routed_commands.Cancel: delivering.cancel,
    routed_commands.LimitChannel: delivering.limit_channel,
    routed_commands.LimitConsumers: delivering.limit_consumers,
    routed_commands.GrantRoom: delivering.grant_room,
    routed_commands.ExtendLeases: settling.extend_leases,
    routed_commands.AwaitReplies: replying.await_replies,
    routed_commands.Get: delivering.get,
    routed_commands.Settle: settling.settle,
    routed_commands.CloseChannel: delivering.close_channel,
    system_commands.SetUser: users.set_user,
    system_commands.DeleteUser: users.delete_user,
    system_commands.FindUser: users.find_user,
    system_commands.SetPermission: users.set_permission,
    system_commands.ClearPermission: users.clear_permission,
    system_commands.SetTopicPermission: users.set_topic_permission,
    system_commands.ClearTopicPermission: users.clear_topic_permission,
    system_commands.DescribeSystem: users.describe_system,
    system_commands.SetHost: hosts.set_host,
    system_commands.DeleteHost: hosts.delete_host,
    system_commands.OpenConnection: hosts.open_connection,
    commands.StartServer: _start_server,
    commands.ReportMemory: _report_memory,
    commands.ReportDiskSpace: _report_disk_space,
}


def decide(turn: Turn, command: commands.Command, address: Any) -> None:
    """Decide one command: records into the turn's batch, answers into its outputs."""
    if isinstance(command, routed_commands.HostCommand) and command.host not in turn.state.hosts:
        hosts.without_host(turn, command, address)
        return
    DECIDE[type(command)](turn, command, address)
    if turn.woken:
        serve_woken(turn)
    timers = turn.state.timers
    if timers.size > timers.compact_above:
        waiting.compact(turn.state)
