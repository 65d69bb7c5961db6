"""HTTP/1.1 on one connection of the guest: h11 on the loop, the WSGI application in a worker thread.

The worker drives: what it reads of a body and sends of an answer is a step on the loop each, so nothing is held that
the other side has not taken, and one slow connection waits alone.
"""

from __future__ import annotations

import asyncio
import io
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import Executor
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

import h11

from ..diagnostics import logger
from ..errors import SpiceError
from .folder_tree import Limits

T = TypeVar("T")
Application = Callable[..., Iterable[bytes]]

#: Bytes that have come and wait to be looked at, above which the guest has to wait.
WAITING = 512 << 10

#: Bytes that a worker gets at a time.
TAKE = 256 << 10

log = logger("devices.folder")


class HttpConnection:
    """*send* takes bytes for the guest and waits until they are on their way; *ended* is called once at the end."""

    def __init__(
        self,
        application: Application,
        send: Callable[[bytes], Awaitable[None]],
        ended: Callable[[], None],
        executor: Executor,
        limits: Limits,
    ) -> None:
        self.busy = False  #: a request is being answered
        self._application = application
        self._send_bytes = send
        self._executor = executor
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.header_bytes)
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._changed = asyncio.Event()
        self._closed = False
        self._body_over = False
        self._task = asyncio.ensure_future(self._run())
        self._task.add_done_callback(lambda _: ended())

    # --- from the guest

    async def receive(self, data: bytes) -> None:
        """Waits while too much waits already."""
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        self._changed.set()
        while self._waiting_bytes > WAITING and not self._closed and not self._task.done():
            await self._change()

    def close(self) -> None:
        """The guest has closed, or has to."""
        self._closed = True
        self._changed.set()
        if not self.busy:
            self._task.cancel()

    async def wait(self) -> None:
        """Until its worker has come to an end."""
        await asyncio.wait((self._task,))

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _more(self, most: int) -> bytes:
        """Bytes that have come; empty at the end."""
        while not self._waiting and not self._closed:
            await self._change()
        if self._closed:
            return b""
        parts = [self._waiting.popleft()]
        size = len(parts[0])
        while self._waiting and size + len(self._waiting[0]) <= most:
            parts.append(self._waiting.popleft())
            size += len(parts[-1])
        self._waiting_bytes -= size
        self._changed.set()
        return b"".join(parts)

    # --- requests

    async def _run(self) -> None:
        try:
            while await self._one_request():
                pass
        except h11.RemoteProtocolError as error:
            log.info("a request that is none: %s", error)
            await self._complain(error.error_status_hint, str(error))
        except (h11.LocalProtocolError, SpiceError, OSError) as error:
            log.info("a connection of the guest broke: %s", error)
        except Exception as error:
            log.error("a request of the guest failed", exc_info=error)
        finally:
            self._closed = True
            self._changed.set()
            self._waiting.clear()
            self._waiting_bytes = 0

    async def _event(self, take: int = TAKE) -> Any:
        """The next of h11's events. Raises ConnectionResetError."""
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            data = await self._more(take)
            if not data and self._http.their_state is not h11.IDLE:
                raise ConnectionResetError("the guest closed the connection in the middle")
            self._http.receive_data(data)

    async def _one_request(self) -> bool:
        """Whether another one may follow."""
        request = await self._event()
        if not isinstance(request, h11.Request):
            return False
        self.busy = True
        self._body_over = False
        try:
            environ = await self._environ(request)
            if environ is not None:
                await self._loop.run_in_executor(self._executor, self._work, environ)
            return await self._next_cycle()
        finally:
            self.busy = False

    async def _next_cycle(self) -> bool:
        """Passes over what nobody has read, and makes ready for the next request."""
        http = self._http
        while http.our_state is h11.DONE and http.their_state is h11.SEND_BODY:
            await self._event()
        if http.our_state is not h11.DONE or http.their_state is not h11.DONE:
            return False
        http.start_next_cycle()
        return not self._closed

    async def _environ(self, request: h11.Request) -> dict[str, Any] | None:
        """As WSGI wants it; None when the request was answered already."""
        target = request.target
        if not target.startswith(b"/") and target != b"*":  # the whole URL, as for a proxy
            _, _, rest = target.partition(b"://")
            target = b"/" + rest.partition(b"/")[2]
        raw_path, _, query = target.partition(b"?")
        try:
            path = unquote_to_bytes(raw_path).decode()
        except UnicodeDecodeError:
            path = "\0"
        if "\0" in path:
            await self._complain(400, "a path that is no UTF-8")
            return None
        if sum(32 + len(name) + len(value) for name, value in request.headers) > self._limits.header_bytes:
            await self._complain(431, "headers that are too long")
            return None
        body = _Body(self)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method.decode(),
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query.decode("latin-1"),
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": f"HTTP/{request.http_version.decode()}",
            "REMOTE_ADDR": "",
            "HTTP_HOST": "localhost",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": body,
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgidav.auth.user_name": "guest",
            "wsgidav.all_input_read": 1,  # what is left of it is passed over here
        }
        chunked = False
        for name, value in request.headers:
            key = name.decode("latin-1").upper().replace("-", "_")
            chunked |= key == "TRANSFER_ENCODING"
            if key not in ("CONTENT_LENGTH", "CONTENT_TYPE"):
                key = f"HTTP_{key}"
            environ[key] = value.decode("utf-8", "replace")
        if chunked and environ.pop("CONTENT_LENGTH", None) is not None:
            await self._complain(400, "two sizes of one body")
            return None
        if environ["REQUEST_METHOD"] != "PUT" and not await self._take_body(environ, chunked):
            return None
        return environ

    async def _take_body(self, environ: dict[str, Any], chunked: bool) -> bool:
        """What is no file is small, and comes as a whole."""
        announced = int(environ.get("CONTENT_LENGTH") or 0)
        parts: list[bytes] = []
        if chunked or 0 < announced <= self._limits.body_bytes:
            size = 0
            while data := await self.read_body():
                size += len(data)
                parts.append(data)
                if size > self._limits.body_bytes:
                    break
            announced = size
        if announced > self._limits.body_bytes:
            await self._complain(413, f"more than {self._limits.body_bytes} bytes")
            return False
        environ["CONTENT_LENGTH"] = str(announced)
        environ["wsgi.input"] = io.BytesIO(b"".join(parts))
        return True

    # --- bodies

    async def read_body(self) -> bytes:
        """The next bytes of the request's body; empty at its end. Raises OSError."""
        if self._body_over:
            return b""
        if self._http.they_are_waiting_for_100_continue:
            await self.send_parts(h11.InformationalResponse(status_code=100, headers=[]))
        event = await self._event()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        self._body_over = True
        return b""

    async def _complain(self, status: int, text: str) -> None:
        """An answer of our own, and the end of the connection."""
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        body = f"{text}\r\n".encode()
        headers = [("Content-Length", str(len(body))), ("Content-Type", "text/plain; charset=utf-8")]
        try:
            head = h11.Response(status_code=status, headers=[*headers, ("Connection", "close")])
            await self.send_parts(head, h11.Data(data=body), h11.EndOfMessage())
        except (h11.LocalProtocolError, SpiceError, OSError) as error:
            log.info("nobody takes the answer: %s", error)

    # --- in the worker

    def step(self, step: Coroutine[Any, Any, T]) -> T:
        """Waits for something on the loop."""
        return asyncio.run_coroutine_threadsafe(step, self._loop).result()

    def _work(self, environ: dict[str, Any]) -> None:
        """Answers one request. Raises OSError, ChannelClosed, LocalProtocolError: the connection is of no use then."""
        answer = _Answer(self, environ["REQUEST_METHOD"] == "HEAD")
        parts = self._application(environ, answer.start)
        try:
            for part in parts:
                if part:
                    answer.write(part)
            answer.end()
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()

    def begin_answer(self, status: int, reason: str, headers: list[tuple[str, str]]) -> h11.Response:
        # Whether a client that waits for its 100 sends the body after all is not to be known.
        unread = self._http.they_are_waiting_for_100_continue
        if unread and not any(name.lower() == "connection" for name, _ in headers):
            headers = [*headers, ("Connection", "close")]
        return h11.Response(
            status_code=status,
            reason=reason.encode("latin-1", "replace"),
            headers=[(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers],
        )

    async def send_parts(self, *events: Any) -> None:
        """All at once: a head of its own would wait in the guest for its acknowledgement, 40 ms."""
        if self._closed:
            raise ConnectionResetError("the guest has closed the connection")
        data = b"".join([self._http.send(event) or b"" for event in events])
        if data:
            await self._send_bytes(data)


class _Body(io.RawIOBase):
    """The request's body, as the worker reads it."""

    def __init__(self, connection: HttpConnection) -> None:
        self._connection = connection
        self._held = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """At most *size* bytes, empty at the end; all of it when negative. Raises OSError."""
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(TAKE), b""))
        if not self._held:
            self._held = self._connection.step(self._connection.read_body())
        data, self._held = self._held[:size], self._held[size:]
        return data


class _Answer:
    """WSGI's ``start_response``; the head goes with the first part of the body."""

    def __init__(self, connection: HttpConnection, head_only: bool) -> None:
        self._connection = connection
        self._head_only = head_only
        self._head: tuple[str, list[tuple[str, str]]] | None = None
        self._sent = False

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        if not self._sent:
            self._head = (status, headers)
        return self.write

    def write(self, data: bytes) -> None:
        if self._head_only:
            return
        self._connection.step(self._connection.send_parts(*self._begin(), h11.Data(data=data)))

    def end(self) -> None:
        self._connection.step(self._connection.send_parts(*self._begin(), h11.EndOfMessage()))

    def _begin(self) -> list[h11.Response]:
        if self._sent or self._head is None:
            return []
        self._sent = True
        status, headers = self._head
        code, _, reason = status.partition(" ")
        return [self._connection.begin_answer(int(code), reason, headers)]
