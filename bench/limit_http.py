"""The limit that the SQS door is held against: what cannot be avoided on this stack. Prints its address.

HTTP parsed by httptools, JSON by msgspec, a signature's worth of hashing, one checksum and one fdatasync for all
requests that wait, then the answers. No queue, no errors: nothing here is built upon.
"""

import asyncio
import hashlib
import hmac
import os
import tempfile
import uuid
from collections.abc import Callable

import httptools
import msgspec
import uvloop
from crc32c import crc32c


class Send(msgspec.Struct):
    """SendMessage, as far as the limit reads it."""

    QueueUrl: str
    MessageBody: str


decode = msgspec.json.Decoder(Send).decode
encode = msgspec.json.Encoder().encode
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: %d\r\n\r\n"


class Log:
    """Group commit: while one sync runs, the next requests gather."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - open for the life of the process
        self.waiting: list[tuple[bytes, Callable[[], None]]] = []
        self.busy = False

    def add(self, record: bytes, reply: Callable[[], None]) -> None:
        """Answer when the record is synced."""
        self.waiting.append((record, reply))
        if not self.busy:
            self.busy = True
            self.loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what waits, on a thread."""
        batch, self.waiting = self.waiting, []
        self.loop.run_in_executor(None, self.sync, batch).add_done_callback(lambda _: self.release(batch))

    def sync(self, batch: list[tuple[bytes, Callable[[], None]]]) -> None:
        """On the thread."""
        data = b"".join([record for record, _ in batch])
        crc32c(data)
        os.write(self.file.fileno(), data)
        os.fdatasync(self.file.fileno())

    def release(self, batch: list[tuple[bytes, Callable[[], None]]]) -> None:
        """Answer, and go on with what came meanwhile."""
        for _, reply in batch:
            reply()
        if self.waiting:
            self.flush()
        else:
            self.busy = False


class Door(asyncio.Protocol):
    """One connection."""

    log: Log

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's."""
        self.transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self.parser = httptools.HttpRequestParser(self)
        self.headers: dict[bytes, bytes] = {}
        self.body = b""

    def data_received(self, data: bytes) -> None:
        """Asyncio's."""
        self.parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Httptools'."""
        self.headers[name] = value

    def on_body(self, part: bytes) -> None:
        """Httptools'."""
        self.body += part

    def on_message_complete(self) -> None:
        """Httptools'."""
        body, message = self.body, decode(self.body)
        headers = "\n".join(f"{k.decode().lower()}:{v.decode()}" for k, v in sorted(self.headers.items()))
        canonical = f"POST\n/\n\n{headers}{hashlib.sha256(body).hexdigest()}"
        hmac.new(b"k" * 32, hashlib.sha256(canonical.encode()).hexdigest().encode(), "sha256").hexdigest()
        md5 = hashlib.md5(message.MessageBody.encode()).hexdigest()
        answer = encode({"MD5OfMessageBody": md5, "MessageId": str(uuid.uuid4())})
        self.headers, self.body = {}, b""
        self.log.add(body, lambda: self.reply(answer))

    def reply(self, answer: bytes) -> None:
        """Unless the client has gone."""
        if not self.transport.is_closing():
            self.transport.write(HEAD % len(answer) + answer)


async def main() -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    Door.log = Log(loop)
    server = await loop.create_server(Door, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
