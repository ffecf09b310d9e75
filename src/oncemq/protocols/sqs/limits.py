"""Every limit of the SQS protocol on the wire, named, with its unit. Limits of queues at rest are the core's."""

HEAD_BYTES = 65_536
"""Request line and headers of one request."""
HEADERS = 100
BODY_BYTES = 8_388_608
"""Body of one request: a batch of 1 MiB, each character escaped as six, fits."""
FRAMING_BYTES = 8_388_608
"""What a chunked body may add to its own bytes: sizes, extensions, trailers."""
FORM_FIELDS = 4_096
"""Parameters of one query request; ten entries of ten attributes take fewer than 500."""
FORM_DEPTH = 8
"""Dots in one parameter's name."""

MESSAGE_BYTES = 1_048_576
"""A message with its attributes, and a whole batch of messages."""
BATCH_ENTRIES = 10
BATCH_ENTRY_ID_CHARACTERS = 80

MESSAGE_ATTRIBUTES = 10
ATTRIBUTE_NAME_CHARACTERS = 256
ATTRIBUTE_TYPE_CHARACTERS = 256
NUMBER_CHARACTERS = 256
NUMBER_DIGITS = 38
NUMBER_MAGNITUDE = 128
"""A Number's value lies between 10 to the power of minus this and of plus this."""
TRACE_HEADER_CHARACTERS = 512

GROUP_ID_CHARACTERS = 128
DEDUPLICATION_ID_CHARACTERS = 128
ATTEMPT_ID_CHARACTERS = 128

RECEIVE_MESSAGES_MAXIMUM = 10
WAIT_SECONDS_MAXIMUM = 20
VISIBILITY_TIMEOUT_SECONDS_MAXIMUM = 43_200
DELAY_SECONDS_MAXIMUM = 900
EXTENDED_DELAY_SECONDS_MAXIMUM = 1_209_600
"""`oncemq.DelaySeconds`: as long as a message can be retained."""
DEDUPLICATION_WINDOW_SECONDS_MAXIMUM = 1_209_600

QUEUE_NAME_CHARACTERS = 80
LIST_RESULTS_MAXIMUM = 1_000
TAGS = 50
TAG_KEY_CHARACTERS = 128
TAG_VALUE_CHARACTERS = 256
PERMISSION_LABEL_CHARACTERS = 80
PERMISSION_ACTIONS = 7
PERMISSION_ACCOUNTS = 50
MAXIMUM_RECEIVES = 1_000
REDRIVE_ALLOW_SOURCES = 10
MOVE_TASKS_LISTED = 10
MOVE_TASK_RATE_MAXIMUM = 500

CLOCK_SKEW_MS = 900_000
"""Between the time a request was signed and now."""
PRESIGNED_SECONDS_MAXIMUM = 604_800

SHOWN_CHARACTERS = 4_096
"""Of a value that an error repeats."""

CACHED_ADDRESSES = 4_096
"""Queue URLs, Host headers, credential scopes, signing keys: entries kept in each cache."""
CACHED_TEXT_BYTES = 1_024
"""What is longer is not cached."""
