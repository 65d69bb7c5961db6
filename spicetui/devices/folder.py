"""``client.shared_folder``: a folder of this side in the guest, over its WebDAV daemon; no network port is opened."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..agent import file_list
from ..diagnostics import logger
from ..errors import AgentError, FeatureMissing
from ..features import sharing_missing
from ..interfaces import FolderLink
from .folder_activity import FolderActivity, FolderEvent
from .folder_tree import Limits, Names, Tree

if TYPE_CHECKING:
    from .folder_http import HttpConnection

log = logger("devices.folder")

_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 22\r\n"
    b"Connection: close\r\n\r\nToo many connections.\n"
)


class SharedFolder:
    """What the guest sees at ``http://localhost:9843/`` (spice-webdavd's own port there), and what it does in it."""

    def __init__(self, link: FolderLink) -> None:
        self.path: Path | None = None  #: what is shared, None when nothing or single files are
        self.read_only = False
        self.limits = Limits()
        self.on_change: list[Callable[[], None]] = []  #: called on the loop after something has happened
        self.activity = FolderActivity(self._changed)
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._tree: Tree | None = None
        self._published: dict[Names, Path] = {}
        self._offered: list[str] = []  # of these, for the clipboard
        self._offers = 0
        self._application: Any = None
        self._executor: ThreadPoolExecutor | None = None
        self._connections: dict[int, HttpConnection] = {}
        self._ending: set[HttpConnection] = set()
        self._telling = False
        self._starting = asyncio.Lock()

    # --- state

    @property
    def shared(self) -> bool:
        """Whether the guest is shown anything."""
        return self._tree is not None

    @property
    def guest_ready(self) -> bool:
        """Whether the guest's WebDAV daemon is there."""
        return self._link.opened

    @property
    def connections(self) -> int:
        """Programs in the guest that are connected now."""
        return len(self._connections)

    @property
    def events(self) -> list[FolderEvent]:
        """What the guest did, the latest first; files on their way too."""
        return self.activity.lately()

    # --- for programs

    async def share(self, path: str | os.PathLike[str], *, read_only: bool = False) -> None:
        """Shows the guest a folder, instead of what was shared before. Raises OSError, FeatureMissing."""
        await self._share({(): Path(path)}, read_only)

    async def share_files(self, paths: Iterable[str | os.PathLike[str]]) -> list[str]:
        """Shows the guest these files and folders, read-only, instead of what was shared before.

        Returns their names in the share. Raises OSError, FeatureMissing.
        """
        places: dict[Names, Path] = {}
        for path in map(Path, paths):
            places[(_free_name(path.resolve().name or "root", {place[0] for place in places}),)] = path
        await self._share(places, True)
        return [place[0] for place in places]

    async def publish(self, place: str, path: str | os.PathLike[str]) -> None:
        """Shows one more file or folder, read-only, at a place of its own; what is shared stays. Raises as share()."""
        await self._start()
        assert self._tree is not None
        names = tuple(name for name in place.split("/") if name)
        await asyncio.to_thread(self._tree.mount, names, Path(path), read_only=True)
        self._published[names] = Path(path)

    def withdraw(self, place: str) -> None:
        """What :meth:`publish` has shown there is not shown any more."""
        names = tuple(name for name in place.split("/") if name)
        self._published.pop(names, None)
        if self._tree is not None:
            self._tree.unmount(names)

    async def offer(self, paths: Iterable[str | os.PathLike[str]], *, cut: bool = False) -> bytes:
        """Publishes what was copied here, instead of what was before.

        Returns the clipboard's contents for the guest as ``ClipboardFormat.FILE_LIST``. Raises as share(), AgentError.
        """
        found = await asyncio.to_thread(lambda: [Path(path).resolve() for path in paths])
        self._offers += 1
        places = file_list.places_for([path.name for path in found], self._offers)
        data = file_list.write(file_list.FileList(places, cut))
        before, self._offered = self._offered, []
        for place in before:
            self.withdraw(place)
        for place, path in zip(places, found, strict=True):
            await self.publish(place, path)
            self._offered.append(place)
        return data

    def copied(self, data: bytes) -> tuple[list[Path], bool]:
        """What the guest has copied, as ``request_clipboard`` got it as FILE_LIST: files here, and whether it was cut.

        They lie in the folder that is shared. Raises AgentError for anything else, FeatureMissing when none is.
        """
        files = file_list.read(data)
        if self.path is None:
            raise FeatureMissing("the guest copies files through the shared folder, and none is shared")
        assert self._tree is not None
        for place in files.places:
            try:
                there = self._tree.find(place)  # a link out of the folder is refused here as everywhere
            except OSError as error:
                raise AgentError(f"{place}: {(error.strerror or str(error)).lower()}") from None
            if there is None:
                raise AgentError(f"{place} is not in the shared folder any more")
        return [self.path / place for place in files.places], files.cut

    async def stop(self) -> None:
        """Nothing is shared any more; what the guest is doing ends with an error there."""
        async with self._starting:
            self._published.clear()
            await self._stop()

    # --- inside

    async def _share(self, places: dict[Names, Path], read_only: bool) -> None:
        async with self._starting:
            self._require()
            tree = Tree(self.limits)
            try:
                for place, path in places.items():
                    if place == () and path.exists() and not path.is_dir():
                        raise NotADirectoryError(20, "not a folder", str(path))
                    await asyncio.to_thread(tree.mount, place, path, read_only=read_only)
                for place, path in self._published.items():
                    try:
                        await asyncio.to_thread(tree.mount, place, path, read_only=True)
                    except OSError as error:
                        log.info("%s is not shown any more: %s", path, error)
                await self._stop()
                await self._serve(tree)
            except BaseException:
                tree.close()
                raise
            self.path, self.read_only = places.get(()), read_only
            self._changed()

    async def _start(self) -> None:
        """A share of nothing, for what is published."""
        async with self._starting:
            if self._tree is None:
                self._require()
                await self._serve(Tree(self.limits))

    def _require(self) -> None:
        if missing := sharing_missing():
            raise FeatureMissing(f"folders cannot be shared: {missing}")
        if self._link.read_only:
            raise FeatureMissing("the session is read-only: no folder is shared with the guest")

    async def _serve(self, tree: Tree) -> None:
        made = await asyncio.to_thread(_load, tree, self.activity)
        self._tree, self._application = tree, made
        self._executor = ThreadPoolExecutor(self.limits.connections, thread_name_prefix="spicetui share")
        self._link.attach(self)

    async def _stop(self) -> None:
        tree, self._tree = self._tree, None
        executor, self._executor = self._executor, None
        self.path = None
        if tree is None:
            return
        for number in list(self._connections):
            self._close(number)
            self._link.end(number)
        self._link.attach(None)
        tree.closed = True  # what goes on for long looks at it
        for one in list(self._ending):
            await one.wait()
        tree.close()
        if executor is not None:
            executor.shutdown(wait=False)
        self._changed()

    def _close(self, number: int) -> None:
        connection = self._connections.pop(number, None)
        if connection is not None:
            self._ending.add(connection)
            connection.close()

    def _changed(self) -> None:
        """From any thread; many at once are one."""
        if not self._telling:
            self._telling = True
            try:
                self._loop.call_soon_threadsafe(self._tell)
            except RuntimeError:
                pass  # the loop is closed, and with it the session

    def _tell(self) -> None:
        self._telling = False
        for callback in list(self.on_change):
            try:
                callback()
            except Exception as error:
                log.error("a callback about the shared folder failed", exc_info=error)

    # --- for the link

    async def received(self, connection: int, data: bytes) -> None:
        found = self._connections.get(connection)
        if not data:
            self._close(connection)
            self._changed()
            return
        if found is None:
            found = self._open(connection)
            if found is None:
                return
        await found.receive(data)

    def reset(self) -> None:
        for number in list(self._connections):
            self._close(number)
        self._changed()

    def _open(self, number: int) -> HttpConnection | None:
        from .folder_http import HttpConnection

        if self._executor is None:
            return None
        if len(self._connections) >= self.limits.connections:
            idle = next((n for n, one in self._connections.items() if not one.busy), None)
            if idle is None:
                log.warning("%d connections are open, another one is refused", len(self._connections))
                task = asyncio.ensure_future(self._link.send_to(number, _REFUSAL))
                task.add_done_callback(lambda done: None if done.exception() else self._link.end(number))
                return None
            self._close(idle)
            self._link.end(idle)
        ended = partial(self._ended, number)
        made = HttpConnection(
            self._application, partial(self._link.send_to, number), lambda: ended(made), self._executor, self.limits
        )
        self._connections[number] = made
        self._changed()
        return made

    def _ended(self, number: int, connection: HttpConnection) -> None:
        self._ending.discard(connection)
        if self._connections.get(number) is connection:  # it ended by itself: the guest is to close its side too
            del self._connections[number]
            self._link.end(number)
            self._changed()


def _load(tree: Tree, activity: FolderActivity) -> Any:
    """Imports what is needed; in a worker thread."""
    from . import folder_http  # noqa: F401
    from .folder_dav import application

    return application(tree, activity)


def _free_name(name: str, taken: set[str]) -> str:
    stem, dot, suffix = name.partition(".") if not name.startswith(".") else (name, "", "")
    number = 1
    free = name
    while free in taken:
        number += 1
        free = f"{stem} ({number}){dot}{suffix}"
    return free
