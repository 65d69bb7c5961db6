"""The embedded demo desktop: a SPICE server for any client, and the desktop that it shows.

Sockets listen before the desktop's modules are loaded, so that clients may connect while the server still starts.
"""

from __future__ import annotations

from .serving import run as run
from .serving import serve as serve

__all__ = ["run", "serve"]
