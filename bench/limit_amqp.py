"""The limit that the AMQP door is held against: frames cut, routed by a cache, kept raw, group-committed with fdatasync
before each confirm, delivered from memory; no queue semantics, no errors, one channel. Prints its address.

Enough of the protocol for amqp_load; nothing here is meant to be built upon.
"""

import asyncio
import collections
import os
import struct
import tempfile
import zlib

import uvloop

HEAD = struct.Struct(">BHI")
PUBLISH, ACK = b"\x00\x3c\x00\x28", b"\x00\x3c\x00\x50"
queues = {}


def short(b):
    return bytes([len(b)]) + b


def method(channel, klass, number, arguments=b""):
    payload = struct.pack(">HH", klass, number) + arguments
    return HEAD.pack(1, channel, len(payload)) + payload + b"\xce"


class Log:
    def __init__(self, loop):
        self.loop, self.file = loop, tempfile.TemporaryFile(buffering=0)
        self.fd = self.file.fileno()
        self.records, self.replies, self.busy = [], [], False

    def add(self, records, reply):
        self.records += records
        self.replies.append(reply)
        if not self.busy:
            self.busy = True
            self.loop.call_soon(self.flush)

    def flush(self):
        records, self.records, replies, self.replies = self.records, [], self.replies, []
        self.loop.run_in_executor(None, self.sync, records).add_done_callback(lambda _: self.release(replies))

    def sync(self, records):
        data = b"".join(records)
        zlib.crc32(data)
        os.write(self.fd, data)
        os.fdatasync(self.fd)

    def release(self, replies):
        for reply in replies:
            reply()
        if self.replies:
            self.flush()
        else:
            self.busy = False


class Queue:
    def __init__(self):
        self.ready, self.consumer = collections.deque(), None


class Consumer:
    def __init__(self, transport, queue, name, prefetch):
        self.transport, self.queue, self.prefetch, self.unacked, self.tag = transport, queue, prefetch, set(), 0
        head = struct.pack(">HH", 60, 60) + short(b"ctag")
        self.tail = b"\x00" + short(b"") + short(name) + b"\xce"
        self.head = HEAD.pack(1, 1, len(head) + 8 + len(self.tail) - 1) + head

    def deliver(self):
        out, ready, unacked, pack = [], self.queue.ready, self.unacked, struct.Struct(">Q").pack
        while ready and len(unacked) < self.prefetch:
            self.tag += 1
            unacked.add(self.tag)
            out += (self.head + pack(self.tag) + self.tail, ready.popleft())
        if out:
            self.transport.writelines(out)

    def acked(self, payload):
        tag = int.from_bytes(payload[4:12], "big")
        if payload[12]:
            self.unacked = {t for t in self.unacked if t > tag}
        else:
            self.unacked.discard(tag)


class Door(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.rest, self.greeted = transport, b"", False
        self.routes, self.published, self.prefetch, self.consumer = {}, 0, 1, None

    def connection_lost(self, exc):
        for q in queues.values():
            if q.consumer is self.consumer:
                q.consumer = None

    def data_received(self, data):
        data = self.rest + data if self.rest else data
        if not self.greeted:
            self.greeted, data = True, data[8:]
            self.transport.write(
                method(
                    0,
                    10,
                    10,
                    bytes([0, 9])
                    + struct.pack(">I", 0)
                    + struct.pack(">I", 5)
                    + b"PLAIN"
                    + struct.pack(">I", 5)
                    + b"en_US",
                )
            )
        at, size_all, records, published, acks, touched = 0, len(data), [], 0, 0, set()
        unpack, routes = HEAD.unpack_from, self.routes
        while size_all - at >= 8:
            kind, channel, size = unpack(data, at)
            end = at + 8 + size
            if end > size_all:
                break
            if kind == 1:
                payload = data[at + 7 : end - 1]
                queue = routes.get(payload)
                if queue is not None or payload[:4] == PUBLISH:
                    queue = queue or self.route(payload)
                    header_end = end + 8 + unpack(data, end)[2] if size_all - end >= 8 else size_all + 1
                    if header_end + 8 > size_all:
                        break
                    body_end = header_end + 8 + unpack(data, header_end)[2]
                    if body_end > size_all:
                        break
                    raw = data[end:body_end]
                    queue.ready.append(raw)
                    records.append(raw)
                    touched.add(queue)
                    published, end = published + 1, body_end
                elif payload[:4] == ACK:
                    acks += 1
                    records.append(payload)
                    self.consumer.acked(payload)
                else:
                    self.other(channel, payload)
            at = end
        self.rest = data[at:]
        if published:
            self.published += published
            confirm = method(1, 60, 80, struct.pack(">QB", self.published, 1))
            log.add(records, lambda: self.confirmed(confirm, touched))
        elif acks:
            log.add(records, lambda: None)
        if acks:
            self.consumer.deliver()

    def confirmed(self, confirm, touched):
        if not self.transport.is_closing():
            self.transport.write(confirm)
        for queue in touched:
            if queue.consumer:
                queue.consumer.deliver()

    def route(self, payload):
        at = 7 + payload[6]
        queue = self.routes[payload] = queues[payload[at + 1 : at + 1 + payload[at]]]
        return queue

    def other(self, channel, p):
        write, which = self.transport.write, struct.unpack_from(">HH", p)
        if which == (10, 11):
            write(method(0, 10, 30, struct.pack(">HIH", 2047, 131072, 0)))
        elif which == (10, 40):
            write(method(0, 10, 41, short(b"")))
        elif which == (20, 10):
            write(method(channel, 20, 11, struct.pack(">I", 0)))
        elif which == (50, 10):
            name = p[7 : 7 + p[6]]
            queue = queues.setdefault(name, Queue())
            write(method(channel, 50, 11, short(name) + struct.pack(">II", len(queue.ready), 0)))
        elif which == (85, 10):
            write(method(channel, 85, 11))
        elif which == (60, 10):
            self.prefetch = struct.unpack_from(">IH", p, 4)[1]
            write(method(channel, 60, 11))
        elif which == (60, 20):
            name = p[7 : 7 + p[6]]
            write(method(channel, 60, 21, short(b"ctag")))
            self.consumer = queues[name].consumer = Consumer(self.transport, queues[name], name, self.prefetch)
            self.consumer.deliver()
        elif which == (20, 40):
            write(method(channel, 20, 41))
        elif which == (10, 50):
            write(method(0, 10, 51))


async def main():
    global log
    loop = asyncio.get_running_loop()
    log = Log(loop)
    server = await loop.create_server(Door, "127.0.0.1", 0)
    print(f"amqp://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


uvloop.run(main())
