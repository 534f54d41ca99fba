"""A relay on this machine that adds a key to every request: the conformance suite cannot send headers of its
own, and the gate has no door without a key. Everything else passes as it came, Host and Origin included."""
import asyncio
import threading


class Relay:
    def __init__(self, port, headers):
        self.target = port
        self.extra = "".join("%s: %s\r\n" % item for item in headers.items()).encode()
        self.loop = asyncio.new_event_loop()
        started = threading.Event()

        def main():
            asyncio.set_event_loop(self.loop)
            self.server = self.loop.run_until_complete(asyncio.start_server(self.client, "127.0.0.1", 0))
            self.port = self.server.sockets[0].getsockname()[1]
            started.set()
            self.loop.run_forever()

        self.thread = threading.Thread(target=main, daemon=True)
        self.thread.start()
        started.wait(10)

    async def client(self, reader, writer):
        upstream = None
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            first, _, rest = head.partition(b"\r\n")
            lines = [line for line in rest.split(b"\r\n") if line]
            kept = [line for line in lines if not line.lower().startswith(b"connection:")]
            length = next((int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:")), 0)
            body = await reader.readexactly(length)
            in_, upstream = await asyncio.open_connection("127.0.0.1", self.target)
            upstream.write(first + b"\r\n" + b"".join(line + b"\r\n" for line in kept) + self.extra +
                           b"Connection: close\r\n\r\n" + body)
            gone = asyncio.ensure_future(reader.read(1))
            while True:
                more = asyncio.ensure_future(in_.read(65536))
                await asyncio.wait([more, gone], return_when=asyncio.FIRST_COMPLETED)
                if gone.done() and not more.done():
                    more.cancel()
                    break
                data = await more
                if not data:
                    break
                writer.write(data)
                await writer.drain()
            gone.cancel()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for end in (writer, upstream):
                if end is not None:
                    end.close()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
