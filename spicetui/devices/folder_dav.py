"""WsgiDAV on a :class:`Tree`: its requests, locks and properties, our files, and word of what the guest does."""

from __future__ import annotations

import errno
import html
import io
import logging
import os
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote

from wsgidav import util
from wsgidav.dav_error import (
    HTTP_BAD_GATEWAY,
    HTTP_BAD_REQUEST,
    HTTP_CONFLICT,
    HTTP_FORBIDDEN,
    HTTP_INSUFFICIENT_STORAGE,
    HTTP_INTERNAL_ERROR,
    HTTP_METHOD_NOT_ALLOWED,
    HTTP_NOT_FOUND,
    HTTP_REQUEST_ENTITY_TOO_LARGE,
    HTTP_REQUEST_URI_TOO_LONG,
    DAVError,
    PRECONDITION_CODE_PropfindFiniteDepth,
)
from wsgidav.dav_provider import DAVCollection, DAVNonCollection, DAVProvider
from wsgidav.error_printer import ErrorPrinter
from wsgidav.lock_man.lock_storage import LockStorageDict
from wsgidav.mw.base_mw import BaseMiddleware
from wsgidav.prop_man.property_manager import PropertyManager
from wsgidav.request_resolver import RequestResolver
from wsgidav.wsgidav_app import WsgiDAVApp

from .folder_activity import FolderAction, FolderActivity, Moving
from .folder_tree import Found, Limits, PartFile, Tree

P = ParamSpec("P")
T = TypeVar("T")
Environ = dict[str, Any]

#: Bytes that are read or written at a time.
BLOCK = 256 << 10

WRITING = frozenset(("PUT", "DELETE", "MKCOL", "MOVE", "COPY", "PROPPATCH", "LOCK", "UNLOCK"))

_STATUS = {
    errno.ENOENT: HTTP_NOT_FOUND,
    errno.EACCES: HTTP_FORBIDDEN,
    errno.EPERM: HTTP_FORBIDDEN,
    errno.EROFS: HTTP_FORBIDDEN,
    errno.ELOOP: HTTP_FORBIDDEN,
    errno.ENXIO: HTTP_FORBIDDEN,
    errno.ENOTDIR: HTTP_CONFLICT,
    errno.ENOTEMPTY: HTTP_CONFLICT,
    errno.EEXIST: HTTP_METHOD_NOT_ALLOWED,
    errno.EISDIR: HTTP_METHOD_NOT_ALLOWED,
    errno.EINVAL: HTTP_BAD_REQUEST,
    errno.ENAMETOOLONG: HTTP_REQUEST_URI_TOO_LONG,
    errno.EFBIG: HTTP_REQUEST_ENTITY_TOO_LARGE,
    errno.EXDEV: HTTP_BAD_GATEWAY,
    errno.ENOSPC: HTTP_INSUFFICIENT_STORAGE,
    errno.EDQUOT: HTTP_INSUFFICIENT_STORAGE,
    errno.EMFILE: HTTP_INSUFFICIENT_STORAGE,
}

# A library that nobody has told where to log to would print warnings into the terminal.
logging.getLogger("wsgidav").addHandler(logging.NullHandler())


def application(tree: Tree, activity: FolderActivity) -> Callable[..., Iterable[bytes]]:
    """A WSGI application that shows *tree*; ``wsgi.input`` must tell the end of a body by itself."""
    config = {
        "provider_mapping": {"/": _Provider(tree, activity)},
        "middleware_stack": [ErrorPrinter, _Index, RequestResolver],
        "lock_storage": _Locks(tree.limits),
        "property_manager": None,
        "block_size": BLOCK,
        "verbose": 1,
        "logging": {"enable": False},
        "hotfixes": {"emulate_win32_lastmod": True, "re_encode_path_info": False},
        "mutable_live_props": ["{DAV:}getlastmodified"],
        "suppress_version_info": True,
    }
    app: Any = WsgiDAVApp(config)
    app.provider_map["/"].set_prop_manager(_Properties(tree.limits))

    def checked(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if ".." not in environ["PATH_INFO"].split("/"):
            answer: Iterable[bytes] = app(environ, start_response)
            return answer
        # WsgiDAV would resolve it, or answer without the body that it announces.
        activity.add(FolderAction.REFUSED, environ["PATH_INFO"].strip("/"), error="no name of a file")
        body = b"No name of a file.\r\n"
        start_response("403 Forbidden", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]

    return checked


def told(action: Callable[P, T]) -> Callable[P, T]:
    """Errors of the disk as WebDAV has them."""

    @wraps(action)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return action(*args, **kwargs)
        except OSError as error:
            raise _as_dav(error) from None

    return wrapped


def _as_dav(error: OSError) -> DAVError:
    status = _STATUS.get(error.errno or 0, HTTP_INTERNAL_ERROR)
    return DAVError(status, (error.strerror or type(error).__name__).lower())


class _Locks(LockStorageDict):  # type: ignore[misc]
    """Locks in memory, and no more than so many."""

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._most = limits.locks

    def create(self, path: str, lock: dict[str, Any]) -> Any:
        if len(self._dict) > 2 * self._most:  # a lock and a path are an entry each
            raise DAVError(HTTP_INSUFFICIENT_STORAGE, f"{self._most} locks are held already")
        if lock.get("owner") and len(lock["owner"]) > 4096:
            raise DAVError(HTTP_REQUEST_ENTITY_TOO_LARGE, "the lock's owner is too long")
        return super().create(path, lock)


class _Properties(PropertyManager):  # type: ignore[misc]
    """What programs in the guest note about files, kept as long as the folder is shared."""

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits

    def write_property(
        self, norm_url: str, name: str, property_value: Any, dry_run: bool = False, environ: Any = None
    ) -> None:
        if len(property_value) + len(name) > self._limits.property_bytes:
            raise DAVError(HTTP_INSUFFICIENT_STORAGE, "the property is too long")
        if sum(map(len, (self._dict or {}).values())) >= self._limits.properties:
            raise DAVError(HTTP_INSUFFICIENT_STORAGE, f"{self._limits.properties} properties are kept already")
        super().write_property(norm_url, name, property_value, dry_run, environ)


class _Provider(DAVProvider):  # type: ignore[misc]
    def __init__(self, tree: Tree, activity: FolderActivity) -> None:
        super().__init__()
        self.tree = tree
        self.activity = activity

    def is_readonly(self) -> bool:
        return self.tree.read_only

    @told
    def get_resource_inst(self, path: str, environ: Environ) -> _File | _Folder | None:
        try:
            found = self.tree.find(path)
        except FileNotFoundError:
            return None
        except PermissionError as error:
            self.activity.add(FolderAction.REFUSED, path.strip("/"), error=error.strerror or "")
            raise
        return self.node(path, environ, found) if found is not None else None

    def node(self, path: str, environ: Environ, found: Found) -> _File | _Folder:
        if not found.is_folder:
            return _File(path.rstrip("/") or "/", environ, found)
        return _Folder(path, environ, found)


class _Node:
    """What files and folders have in common."""

    path: str
    name: str
    environ: Environ
    provider: _Provider
    found: Found

    def get_creation_date(self) -> float:
        return self.found.created

    def get_last_modified(self) -> float:
        return self.found.modified

    def get_display_name(self) -> str:
        return self.name

    def is_link(self) -> bool:
        return self.found.is_link

    @told
    def set_last_modified(self, dest_path: str, time_stamp: str | int, *, dry_run: bool) -> bool:
        seconds = util.parse_time_string(time_stamp) if isinstance(time_stamp, str) else time_stamp
        if seconds is None:
            raise DAVError(HTTP_BAD_REQUEST, "no time")
        if not dry_run:
            self.provider.tree.set_modified(self.path, float(seconds))
        return True

    def changed(self, action: FolderAction, to: str = "") -> None:
        self.provider.activity.add(action, self.path.strip("/"), to=to.strip("/"))

    def try_to(self, change: Callable[[], None], action: FolderAction, to: str = "") -> None:
        """Does it and tells it, or that it was refused. Raises DAVError."""
        try:
            change()
        except OSError as error:
            self.failed(error)
        self.changed(action, to)

    def failed(self, error: OSError) -> None:
        """Raises DAVError."""
        self.provider.activity.add(FolderAction.REFUSED, self.path.strip("/"), error=error.strerror or "")
        raise _as_dav(error) from None

    # WsgiDAV would delete file by file; a folder goes as a whole, unless somebody has locked a part of it.

    def handle_delete(self) -> bool:
        node: Any = self
        self.provider.lock_manager.check_write_permission(
            url=node.get_ref_url(),
            depth="infinity",
            token_list=self.environ["wsgidav.ifLockTokenList"],
            principal=self.environ["wsgidav.user_name"],
        )
        self.delete()
        return True

    def delete(self) -> None:
        node: Any = self
        if self.environ["REQUEST_METHOD"] == "MOVE" and not self.found.is_folder:
            return  # what is moved here takes its place in one step
        self.try_to(lambda: self.provider.tree.delete(self.path), FolderAction.DELETED)
        node.remove_all_properties(recursive=True)
        node.remove_all_locks(recursive=True)

    def support_recursive_move(self, dest_path: str) -> bool:
        return True

    def move_recursive(self, dest_path: str) -> list[Any]:
        node: Any = self
        tree, properties = self.provider.tree, self.provider.prop_manager
        self.try_to(lambda: tree.rename(self.path, dest_path), FolderAction.RENAMED, dest_path)
        moved: Any = self.provider.get_resource_inst(dest_path, self.environ)
        if moved is not None:
            properties.move_properties(
                node.get_ref_url(), moved.get_ref_url(), with_children=True, environ=self.environ
            )
        node.remove_all_locks(recursive=True)
        return []

    def copy_properties(self, dest_path: str) -> None:
        node: Any = self
        copied: Any = self.provider.get_resource_inst(dest_path, self.environ)
        if copied is not None:
            manager = self.provider.prop_manager
            manager.copy_properties(node.get_ref_url(), copied.get_ref_url(), self.environ)


class _File(_Node, DAVNonCollection):  # type: ignore[misc]
    def __init__(self, path: str, environ: Environ, found: Found) -> None:
        super().__init__(path, environ)
        self.found = found
        self._made_now = False
        self._writer: _Writer | None = None

    def get_content_length(self) -> int:
        return self.found.size

    def get_content_type(self) -> str:
        kind: str = util.guess_mime_type(self.path, self.environ["wsgidav.config"])
        return kind

    @told
    def get_etag(self) -> str | None:
        if self._writer is not None:  # what was asked for before it was written
            found = self.provider.tree.find(self.path)
            self.found = found if found is not None else self.found
        return self.found.tag

    def support_etag(self) -> bool:
        return True

    def support_ranges(self) -> bool:
        return True

    def get_content(self) -> io.BufferedIOBase:
        try:
            file = self.provider.tree.open_read(self.path)
        except OSError as error:
            self.failed(error)
            raise AssertionError from None
        return _Reader(file, self.provider.activity, self.path.strip("/"))

    def begin_write(self, *, content_type: str | None = None) -> _Writer:
        try:
            part = self.provider.tree.open_write(self.path)
        except OSError as error:
            self.failed(error)
            raise AssertionError from None
        length = self.environ.get("CONTENT_LENGTH")
        size = int(length) if length else None
        moving = self.provider.activity.begin(FolderAction.WROTE, self.path.strip("/"), size)
        self._writer = _Writer(part, moving)
        return self._writer

    def end_write(self, *, with_errors: bool) -> None:
        if with_errors:
            if self._made_now:
                try:
                    self.provider.tree.delete(self.path)
                except OSError:
                    pass
            if self._writer is not None:
                self._writer.abort()

    def copy_move_single(self, dest_path: str, *, is_move: bool) -> None:
        tree = self.provider.tree
        self.try_to(lambda: tree.copy_file(self.path, dest_path), FolderAction.COPIED, dest_path)
        self.copy_properties(dest_path)


class _Folder(_Node, DAVCollection):  # type: ignore[misc]
    def __init__(self, path: str, environ: Environ, found: Found) -> None:
        super().__init__(path, environ)
        self.found = found

    def get_etag(self) -> None:
        return None

    @told
    def get_used_bytes(self) -> int | None:
        space = self.provider.tree.space()
        return space[0] if space else None

    @told
    def get_available_bytes(self) -> int | None:
        space = self.provider.tree.space()
        return space[1] if space else None

    @told
    def get_member_names(self) -> list[str]:
        return list(self.provider.tree.list(self.path))

    @told
    def get_member_list(self) -> list[_File | _Folder]:
        found = self.provider.tree.list(self.path)
        return [self.provider.node(util.join_uri(self.path, name), self.environ, found[name]) for name in sorted(found)]

    def get_member(self, name: str) -> _File | _Folder | None:
        return self.provider.get_resource_inst(util.join_uri(self.path, name), self.environ)

    def get_descendants(
        self,
        *,
        collections: bool = True,
        resources: bool = True,
        depth_first: bool = False,
        depth: str = "infinity",
        add_self: bool = False,
    ) -> list[Any]:
        """As its base has it, but not through links, and no more than so many."""
        if self.environ["REQUEST_METHOD"] == "MOVE":
            return [self] if add_self else []  # a folder moves as a whole
        if depth != "0":
            self.changed(FolderAction.LISTED)
        found: list[Any] = []
        self._descend(found, depth)
        wanted = [node for node in found if (collections if node.is_collection else resources)]
        whole = [self, *wanted] if add_self else wanted
        return whole[::-1] if depth_first else whole

    def _descend(self, found: list[Any], depth: str) -> None:
        if depth == "0":
            return
        for node in self.get_member_list():
            if len(found) >= self.provider.tree.limits.entries:
                raise DAVError(
                    HTTP_FORBIDDEN,
                    "too many files for one answer",
                    err_condition=PRECONDITION_CODE_PropfindFiniteDepth,
                )
            found.append(node)
            if depth == "infinity" and isinstance(node, _Folder) and not node.is_link():
                node._descend(found, depth)

    def create_empty_resource(self, name: str) -> Any:
        path = util.join_uri(self.path, name)
        self._attempt(lambda: self.provider.tree.create(path), path)
        made: Any = self.provider.get_resource_inst(path, self.environ)
        if made is None:
            raise DAVError(HTTP_CONFLICT, "gone at once")
        made._made_now = True
        return made

    def create_collection(self, name: str) -> None:
        path = util.join_uri(self.path, name)
        self._attempt(lambda: self.provider.tree.make_folder(path), path)
        self.provider.activity.add(FolderAction.MADE_FOLDER, path.strip("/"))

    def _attempt(self, change: Callable[[], None], path: str) -> None:
        try:
            change()
        except OSError as error:
            self.provider.activity.add(FolderAction.REFUSED, path.strip("/"), error=error.strerror or "")
            raise _as_dav(error) from None

    @told
    def copy_move_single(self, dest_path: str, *, is_move: bool) -> None:
        if self.provider.tree.find(dest_path) is None:
            tree = self.provider.tree
            self.try_to(lambda: tree.make_folder(dest_path), FolderAction.COPIED, dest_path)
        self.copy_properties(dest_path)


class _Reader(io.BufferedIOBase):
    """A file that the guest reads, from wherever it begins."""

    def __init__(self, file: int, activity: FolderActivity, path: str) -> None:
        self._file = file
        self._activity = activity
        self._path = path
        self._size = os.fstat(file).st_size
        self._moving: Moving | None = None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(self._file, offset, whence)

    def read(self, size: int | None = -1, /) -> bytes:
        if self._moving is None:
            at = os.lseek(self._file, 0, os.SEEK_CUR)
            self._moving = self._activity.begin(FolderAction.READ, self._path, self._size, at)
        data = os.read(self._file, BLOCK if size is None or size < 0 else min(size, BLOCK))
        # Counted once it has been sent: the next piece is asked for then.
        self._moving.add(len(data))
        return data

    def close(self) -> None:
        if not self.closed:
            if self._moving is not None:
                self._moving.end()
            os.close(self._file)
        super().close()


class _Writer:
    """A file that the guest writes; WsgiDAV closes it when it is whole."""

    def __init__(self, part: PartFile, moving: Moving) -> None:
        self._part = part
        self._moving = moving

    def write(self, data: bytes) -> None:
        try:
            self._part.write(data)
        except OSError as error:
            self._moving.end((error.strerror or "").lower())
            raise _as_dav(error) from None
        self._moving.add(len(data))

    def close(self) -> None:
        try:
            self._part.commit()
        except OSError as error:
            self._moving.end((error.strerror or "").lower())
            raise _as_dav(error) from None
        self._moving.end()

    def abort(self) -> None:
        self._part.abort()
        self._moving.end("the guest stopped in the middle")


class _Index(BaseMiddleware):  # type: ignore[misc]
    """A folder as a page of links, for a browser; and what a read-only share refuses, in words."""

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        provider = environ["wsgidav.provider"]
        if environ["REQUEST_METHOD"] in WRITING and provider.is_readonly():
            why = "the folder is shared read-only"
            provider.activity.add(FolderAction.REFUSED, environ["PATH_INFO"].strip("/"), error=why)
            raise DAVError(HTTP_FORBIDDEN, why)
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            path = environ["PATH_INFO"]
            folder = provider.get_resource_inst(path, environ)
            if isinstance(folder, _Folder):
                return self._page(path, folder, environ, start_response)
        following: Iterable[bytes] = self.next_app(environ, start_response)
        return following

    def _page(self, path: str, folder: _Folder, environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
        rows = [] if path == "/" else ['<li><a href="../">../</a></li>']
        for node in folder.get_member_list():
            name = f"{node.name}/" if node.found.is_folder else node.name
            size = "" if node.found.is_folder else f" ({node.found.size} bytes)"
            rows.append(f'<li><a href="{quote(path.rstrip("/") + "/" + name)}">{html.escape(name)}</a>{size}</li>')
        title = html.escape(path)
        page = f"<!doctype html><meta charset=utf-8><title>{title}</title><h1>{title}</h1><ul>{''.join(rows)}</ul>\n"
        data = page.encode()
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(data)))])
        folder.changed(FolderAction.LISTED)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else data]
