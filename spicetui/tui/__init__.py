"""The app: a session seen and driven in the terminal.  Start with :func:`spicetui.tui.start.run_async`."""
