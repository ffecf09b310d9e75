"""The engine: the one writer of a partition.

A command is decided as it comes, into the batch that gathers. The batch is closed when the loop has nothing more to
feed it and no other batch is being written: while one sync runs, the next batch gathers (group commit, without a
timer). An output leaves when the last batch decided before it is durable; with nothing pending it leaves at once.

A failed write or sync ends the process: the kernel may have dropped the page, so only a replay can tell what is on
disk.
"""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol

from oncemq.core.commands import (
    Command,
    ReportDiskSpace,
    ReportMemory,
    ReturnUndelivered,
    SendMessages,
    SendTogether,
    StartServer,
    Tick,
)
from oncemq.core.content import StoredRun
from oncemq.core.machine import Machine, decide
from oncemq.core.outputs import Output
from oncemq.core.refusals import Refusal
from oncemq.core.turn import Addressed
from oncemq.engine.carried import CARRIERS, Carrier, fill_in, returned, wanted
from oncemq.engine.checkpointer import Checkpointer
from oncemq.engine.contents import Contents
from oncemq.engine.runtime import Runtime
from oncemq.journal.gathering import Gathering
from oncemq.journal.journal import Batch, Journal

PENDING_BYTES = 64 * 1024 * 1024
"""Records decided but not durable, from which sockets are not read."""


class Address(Protocol):
    """Who asked."""

    def deliver(self, output: Output | Refusal) -> bool:
        """Take the answer; False: the asker is gone, and not a byte of it was written."""


class Engine:
    """Feeds one machine, journals what it decides, and lets its outputs out in time."""

    def __init__(
        self, machine: Machine, journal: Journal, contents: Contents, checkpointer: Checkpointer, runtime: Runtime
    ) -> None:
        self.machine, self.journal, self.contents = machine, journal, contents
        self.checkpointer, self.runtime = checkpointer, runtime
        self.on_congestion: Callable[[bool], None] = lambda congested: None
        self.congested = False
        self.answer_early = False
        """A planted bug for tests of the tests: let outputs out before they are durable."""
        self._gathering = Gathering(journal.next_payload_position, contents.get)
        self._turn = machine.turn(0, self._gathering, [])
        self._written: tuple[Batch, Gathering, list[Addressed]] | None = None
        self._scheduled = False
        self._timer: Any = None
        self._timer_due_ms: int | None = None
        self._tick_awaits_batch = False
        self._reading: dict[object, deque[Addressed]] = {}
        """Whose contents are being read → what else waits to be let out to the same addressee."""
        self._sends: list[tuple[SendMessages, Any]] = []
        """Not decided yet: nothing else was asked since."""
        self._drained: Callable[[], None] | None = None

    # Commands in ------------------------------------------------------------------------------------------------

    def submit(self, command: Command, address: Address | None) -> None:
        """Decide a command now, or (a send) together with the sends that follow it; its answer comes to
        `address.deliver`.
        """
        if type(command) is SendMessages:
            self._sends.append((command, address))
            if not self._scheduled:
                self._flush_later()
            return
        if self._sends:
            self._decide_sends()
        self._decide(command, address)

    def _decide_sends(self) -> None:
        sends, self._sends = self._sends, []
        self._decide(SendTogether(sends), None)

    def _decide(self, command: Command, address: Address | None) -> None:
        if not self._gathering.parts:  # from its first record on, a batch has one time
            self._turn.now_ms = max(self.runtime.now_ms(), self.journal.last_now_ms)
        try:
            decide(self._turn, command, address)
        except BaseException as error:  # a bug: the state may be half changed, so only a replay may go on
            self.runtime.fail_stop(error)
            raise
        if not self._scheduled:
            self._flush_later()

    def start(self, identity_key: bytes, name_reuse_wait_ms: int) -> None:
        """First thing after recovery."""
        self.submit(StartServer(identity_key, name_reuse_wait_ms), None)

    @property
    def low_on(self) -> str:
        """What publishers wait for, in RabbitMQ's words; empty: nothing."""
        state = self.machine.state
        if state.short_of_memory is None:
            return "disk" if state.nearly_full else ""
        return "memory & disk" if state.nearly_full else "memory"

    def report_memory(self, used_bytes: int, limit_bytes: int) -> None:
        """Refuse sends while more than the limit is used."""
        short = used_bytes > limit_bytes
        if short != (self.machine.state.short_of_memory is not None):
            self.submit(ReportMemory(short, used_bytes, limit_bytes), None)

    def report_disk_space(self, free_bytes: int, reserve_bytes: int) -> None:
        """Refuse sends while less than the reserve is free."""
        nearly_full = free_bytes < reserve_bytes
        if nearly_full or self.machine.state.nearly_full:
            self.submit(ReportDiskSpace(nearly_full, free_bytes), None)

    # Batches ----------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        if self._sends:
            self._decide_sends()
        self._scheduled = False
        if self._gathering.parts:
            if self._written is None:
                self._close_batch()
            elif self.answer_early:
                self._release_all(self._take_outputs())
        elif self._written is not None and not self.answer_early:
            self._written[2].extend(self._take_outputs())
        else:
            self._release_all(self._take_outputs())
        pending_bytes = self._gathering.length_bytes + (self._written[0].length_bytes if self._written else 0)
        self._set_congested(pending_bytes > PENDING_BYTES)
        self._set_timer()

    def _close_batch(self) -> None:
        gathering, outputs = self._gathering, self._take_outputs()
        payload = b"".join(gathering.parts)
        batch = self.journal.close_batch((payload,), len(payload), self._turn.now_ms)
        if gathering.contents:
            self.contents.add(gathering.position, payload)
        self._gathering = Gathering(self.journal.next_payload_position, self.contents.get)
        self._turn = self.machine.turn(self._turn.now_ms, self._gathering, [])
        self._written = (batch, gathering, outputs)
        self.runtime.write(partial(self.journal.write, batch), self._on_written)
        self.checkpointer.closed(batch)
        if self._tick_awaits_batch:
            self._tick_awaits_batch = False
            self.submit(Tick(), None)
        if self.answer_early:
            self._written = (batch, gathering, [])
            self._release_all(outputs)

    def _on_written(self, result: None, error: BaseException | None) -> None:
        if error is not None:
            self.runtime.fail_stop(error)
            return
        assert self._written is not None
        batch, _, outputs = self._written
        self._written = None
        if self._sends:
            self._decide_sends()
        if self._gathering.parts:
            self._close_batch()
        self.contents.durable_before(batch.next_position)
        self._release_all(outputs)
        self.checkpointer.durable()
        if self.congested or not self._scheduled:
            self._flush_later()
        if self._drained is not None:
            self._end_if_drained()

    def _flush_later(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self.runtime.call_soon(self._flush)

    def _set_congested(self, congested: bool) -> None:
        if congested != self.congested:
            self.congested = congested
            self.on_congestion(congested)

    # Outputs out ------------------------------------------------------------------------------------------------

    def _take_outputs(self) -> list[Addressed]:
        outputs, self._turn.outputs = self._turn.outputs, []
        return outputs

    def _release_all(self, outputs: Iterable[Addressed]) -> None:
        for address, output in outputs:
            if type(output) in CARRIERS or self._reading:
                self._release(address, output)
            else:
                address.deliver(output)

    def _release(self, address: Address, output: Output | Refusal) -> None:
        """Let out what may have to wait for contents, or behind an output of the same addressee that does."""
        order = getattr(address, "order", address)
        waiting = self._reading.get(order)
        if waiting is not None:
            waiting.append((address, output))
            return
        if not isinstance(output, CARRIERS):
            self._deliver(address, output)
            return
        places = wanted(output)
        if self.answer_early:
            self.contents.add(self._gathering.position, b"".join(self._gathering.parts))
        found = self.contents.find(*places)
        if found is not None:
            fill_in(output, found)
            self._deliver(address, output)
        else:
            self._reading[order] = deque()
            done = partial(self._on_read, order, address, output)
            self.runtime.read(partial(self.contents.read, *places), done)

    def _on_read(
        self,
        order: object,
        address: Address,
        output: Carrier,
        found: list[StoredRun] | None,
        error: BaseException | None,
    ) -> None:
        if error is not None:
            self.runtime.fail_stop(error)
            return
        assert found is not None
        fill_in(output, found)
        self._deliver(address, output)
        self._release_all(self._reading.pop(order))

    def _deliver(self, address: Address, output: Output | Refusal) -> None:
        if not address.deliver(output):
            self.return_undelivered(output)

    def return_undelivered(self, output: Output | Refusal) -> None:
        """Nobody got this answer: its leases go back."""
        leases = returned(output)
        if leases and isinstance(output, Carrier):
            self.submit(ReturnUndelivered(output.host, leases), None)

    # Time -------------------------------------------------------------------------------------------------------

    def _set_timer(self) -> None:
        if self._tick_awaits_batch:  # the batch that gathers has its time: a tick in it would see nothing due
            return
        due_ms = self.machine.next_due_ms()
        if due_ms != self._timer_due_ms:
            if self._timer is not None:
                self.runtime.cancel(self._timer)
            self._timer_due_ms = due_ms
            self._timer = None if due_ms is None else self.runtime.call_at(due_ms, self._on_time)

    def _on_time(self) -> None:
        self._timer = self._timer_due_ms = None
        if self._gathering.parts:
            self._tick_awaits_batch = True
        else:
            self.submit(Tick(), None)

    # The end ----------------------------------------------------------------------------------------------------

    def drain(self, drained: Callable[[], None]) -> None:
        """Call `drained` when every batch is durable and its outputs are out."""
        self._drained = drained
        self._flush_later()
        self.runtime.call_soon(self._end_if_drained)

    def _end_if_drained(self) -> None:
        if self._drained is None or self._written is not None or self._gathering.parts or self._sends:
            return
        drained, self._drained = self._drained, None
        drained()
