"""Every limit of the core, named, with its unit. Wire limits of a protocol stand with that protocol."""

BLOCK_ENTRIES = 65_536
"""Entries in a block of a queue and numbers in a block of the message table."""

DUE_THINGS_PER_TICK = 1_000
"""Deadlines that one tick handles; what is left is handled by the next, which is due at once."""

DEAD_LETTERS_PER_RECEIVE = 1_000
"""Messages that one receive may move to the dead-letter queue before it answers with what it has."""

QUEUES_PER_HOST = 1_000_000
VIRTUAL_HOSTS = 10_000
USERS = 100_000
NAME_BYTES = 255
"""Of users, virtual hosts and their tags."""
PATTERN_BYTES = 1_024
"""A regular expression of a permission."""

LEASED_ENTRIES_STANDARD = 120_000
"""In flight on a standard queue; a short poll beyond it is refused (SQS OverLimit)."""

LEASED_ENTRIES_FIFO = 20_000
"""In flight on a FIFO queue; a receive beyond it is answered empty, as on SQS."""

LEASE_MS = 43_200_000
"""How long a lease with a deadline may hold, counted from its receive, however often it is extended."""

PARKED_RECEIVES_PER_QUEUE = 20_000
"""Receives that wait on one queue; one more is answered at once with what there is."""

ATTEMPT_WINDOW_MS = 300_000
ATTEMPTS_PER_QUEUE = 100_000
"""ReceiveRequestAttemptIds kept; the oldest goes first."""

DEDUPLICATION_GENERATIONS = 10
"""A window of deduplication is kept in that many generations, each dropped whole."""

FAIR_NOISY_LEASED_MINIMUM = 30
"""A group of a fair queue is noisy from that many messages in flight…"""
FAIR_NOISY_SHARE_PERCENT = 10
"""…if they are also more than this share of all in flight."""
FAIR_QUIET_AFTER_MS = 300_000
"""A noisy group is quiet again after that long without sends, or when it is drained."""

PURGE_INTERVAL_MS = 60_000
DELETED_NAMES_MS = 60_000
"""How long a deleted queue's name is remembered."""

TAGS_PER_QUEUE = 50
POLICY_STATEMENTS = 20
POLICY_BYTES = 65_536

POLICIES_PER_HOST = 1_000
"""As AMQP knows them, and as many of an operator's."""
POLICY_NAME_CHARACTERS = 255
POLICY_PATTERN_CHARACTERS = 1_000

MOVE_TASKS_KEPT_PER_QUEUE = 10
MOVE_TASK_RATE_MAXIMUM = 500
MOVE_TASK_RATE_DEFAULT = 500
"""Messages a second of a move task that names no rate."""
MOVE_TASK_STEP_MS = 50

TIMER_BUCKET_MS = 16
"""Things due within one bucket happen together, at its end: never early, at most this late."""
TIMER_ITEMS_STALE = 100_000
"""So many items that no longer hold may be in the timers, and as many again as there are that hold."""

DELIVERIES_PER_STEP = 1_000
"""Messages that are dealt to consumers at once, as one record."""

OUTLET_BYTES = 1_048_576
"""What consumers of one connection are sent before it has written some: stored bytes of messages."""

RECEIVED_BODY_BYTES = 1_048_576
"""A larger body is counted in its queue, but never received through SQS."""
RECEIVED_STORED_BYTES = RECEIVED_BODY_BYTES + 262_144
"""A message that takes more than this where it is stored has a larger body, whatever stands beside it."""

DELAY_MS = 1 << 45
"""A thousand years: what a message asks for beyond that is that."""
