"""A tree of folders, from which files are chosen."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, DirectoryTree, Static
from textual.widgets._directory_tree import DirEntry
from textual.widgets.tree import TreeNode

from ...diagnostics import printable
from .dialog import Dialog

#: Entries of one folder that are shown.
MAX_ENTRIES = 2000


class FileTree(DirectoryTree):
    """Names are shown without control characters; those in *marked* stand out."""

    ICON_NODE = "▸ "
    ICON_NODE_EXPANDED = "▾ "
    ICON_FILE = "  "
    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "mark", "Mark", show=False)]

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.marked: dict[Path, None] = {}  # in order
        self.hidden = False

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        wanted = (path for path in paths if self.hidden or not path.name.startswith("."))
        return list(islice(wanted, MAX_ENTRIES))

    def render_label(self, node: TreeNode[DirEntry], base_style: Style, style: Style) -> Text:
        name = printable(node.label.plain if isinstance(node.label, Text) else str(node.label), 300)
        marked = node.data is not None and node.data.path in self.marked
        icon = (self.ICON_NODE_EXPANDED if node.is_expanded else self.ICON_NODE) if node.allow_expand else "  "
        text = Text(icon, base_style)
        text.append("✓ " if marked else "", "bold")
        text.append(name + "/" * bool(node.allow_expand and not name.endswith("/")), style)
        if marked:
            text.stylize("bold")
        return text

    def action_mark(self) -> None:
        node = self.cursor_node
        if node is None or node.data is None:
            return
        path = node.data.path
        if path in self.marked:
            del self.marked[path]
        else:
            self.marked[path] = None
        self.refresh_line(self.cursor_line)
        node.refresh()
        self.action_cursor_down()


class FileBrowserScreen(Dialog[list[Path]]):
    """Gives the files and folders that were chosen, none when it was cancelled."""

    DEFAULT_CSS = """
    FileBrowserScreen > .box { width: 90%; max-width: 100; height: 90%; }
    FileBrowserScreen FileTree { height: 1fr; background: $surface; padding: 0; }
    FileBrowserScreen .buttons { height: auto; }
    FileBrowserScreen Button { margin-right: 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "cancel", "Cancel"),
        Binding("backspace", "up", "Parent"),
        Binding("full_stop", "hidden", "Hidden files"),
        Binding("s", "send", "Send"),
        Binding("tilde", "home", "Home"),
    ]

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.tree_widget = FileTree(folder)

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "Files to send"
            yield Static("", id="where", classes="quiet", markup=False)
            yield self.tree_widget
            with Horizontal(classes="buttons"):
                yield Button("Send", id="send", compact=True)
                yield Button("Parent folder", id="up", compact=True)
                yield Button("Hidden files", id="hidden", compact=True)
                yield Button("Cancel", id="cancel", compact=True)
            keys = "Enter send or open   Space mark   s send marked   ⌫ parent   ~ home   . hidden   Esc"
            yield Static(keys, classes="quiet", markup=False)

    def on_mount(self) -> None:
        self._tell()
        self.tree_widget.focus()

    def _tell(self) -> None:
        marked = len(self.tree_widget.marked)
        words = printable(str(self.tree_widget.path), 200) + (f"   {marked} marked" if marked else "")
        self.query_one("#where", Static).update(words)

    def on_tree_node_highlighted(self) -> None:
        self._tell()

    def on_directory_tree_file_selected(self, event: DirectoryTree.FileSelected) -> None:
        event.stop()
        self.tree_widget.marked[event.path] = None
        self.action_send()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        actions = {"send": self.action_send, "up": self.action_up, "hidden": self.action_hidden}
        actions.get(event.button.id or "", self.action_cancel)()

    def action_send(self) -> None:
        """What is marked, or else what the cursor is on."""
        tree = self.tree_widget
        chosen = list(tree.marked)
        if not chosen and tree.cursor_node is not None and tree.cursor_node.data is not None:
            chosen = [tree.cursor_node.data.path]
        self.dismiss(chosen)

    def action_up(self) -> None:
        self._go(Path(self.tree_widget.path).absolute().parent)

    def action_home(self) -> None:
        self._go(Path.home())

    def _go(self, folder: Path) -> None:
        self.tree_widget.path = folder
        self._tell()

    def action_hidden(self) -> None:
        self.tree_widget.hidden = not self.tree_widget.hidden
        self.tree_widget.reload()

    def action_cancel(self) -> None:
        self.dismiss([])
