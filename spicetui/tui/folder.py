"""The folder that the machine may see, behind its panel: what is shared outlives a session."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..diagnostics import printable
from ..errors import SpiceError
from ..features import sharing_missing
from .service import Service

if TYPE_CHECKING:
    from ..client import Client
    from ..devices.folder import SharedFolder
    from .app import SpiceApp


class FolderService(Service):
    """``app.folder``."""

    def __init__(self, app: SpiceApp) -> None:
        super().__init__(app)
        self.problem = ""  #: why the last thing that the user wanted did not work
        self.read_only = False  #: what the next sharing will be
        self.path: Path | None = None  #: what is shared, or will be with the next session
        self._folder: SharedFolder | None = None  # whose changes are heard of
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    # --- the session

    @property
    def folder(self) -> SharedFolder | None:
        found: SharedFolder | None = getattr(self.client, "shared_folder", None)
        return found

    @property
    def sharing(self) -> bool:
        """Whether the machine is shown a folder now."""
        return self.folder is not None and self.folder.path is not None

    def connected(self, client: Client) -> None:
        self.client = client
        folder = self._folder = self.folder
        if folder is not None:
            folder.on_change.append(self.changed)
            if folder.path is not None:  # by the command line
                self.path, self.read_only = folder.path, folder.read_only
            elif self.path is not None:
                self.share(self.path)
        super().connected(client)

    def disconnected(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None and self.changed in folder.on_change:
            folder.on_change.remove(self.changed)
        super().disconnected()

    def port_opened(self, name: str, opened: bool) -> None:
        self.changed()

    async def aclose(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def state(self) -> str:
        """One line about what there is to be shared with."""
        if missing := sharing_missing():
            return f"folders cannot be shared: {missing}"
        folder = self.folder
        if self.client is None:
            return "not connected" + (f"; {self.path} will be shared again" if self.path is not None else "")
        if folder is None:
            return "the machine has no WebDAV port for folders"
        if folder.path is None:
            return "no folder is shared"
        if not folder.guest_ready:
            return "shared, but no WebDAV daemon (spice-webdavd) runs in the machine"
        count = folder.connections
        return "shared" if not count else f"shared, {count} connection{'s' if count > 1 else ''} of the machine"

    @property
    def possible(self) -> bool:
        """Whether a folder can be shared now."""
        return self.folder is not None and not sharing_missing()

    @property
    def unfinished(self) -> str:
        folder = self.folder
        moving = folder.activity.now if folder is not None else []
        return f"The machine is using {printable(moving[0].path)} in the shared folder." if moving else ""

    @property
    def words(self) -> str:
        folder = self.folder
        if folder is None or folder.path is None:
            return ""
        moving = folder.activity.now
        if not moving:
            return "folder"
        arrow = "↑" if moving[0].action.value == "read" else "↓"
        return f"folder {arrow}{moving[0].bytes * 100 // moving[0].size}%" if moving[0].size else f"folder {arrow}"

    # --- what the user wants

    def share(self, path: Path) -> None:
        """Shows *path* to the machine, now and in the sessions to come."""
        self.path = path
        self._start(self._share(path, self.read_only))

    def stop(self) -> None:
        self.path = None
        self._start(self._stop())

    def toggle_read_only(self) -> None:
        """What is shared is shared anew, which ends what the machine is doing in it."""
        self.read_only = not self.read_only
        if self.sharing and self.path is not None:
            self.share(self.path)
        self.changed()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _share(self, path: Path, read_only: bool) -> None:
        async with self._turn:
            folder = self.folder
            if folder is None:
                self.problem = self.state
            else:
                try:
                    await folder.share(path, read_only=read_only)
                except OSError as error:
                    self.problem = printable(f"{path}: {(error.strerror or str(error)).lower()}", 500)
                except SpiceError as error:
                    self.problem = printable(str(error), 500)
                else:
                    self.problem = ""
                if self.problem and self.path == path:
                    self.path = folder.path  # what was shared before still is
            self.changed()

    async def _stop(self) -> None:
        async with self._turn:
            self.problem = ""
            if self.folder is not None:
                await self.folder.stop()
            self.changed()
