"""The channels of a session: asyncio around the machines of :mod:`spicetui.protocol`."""
