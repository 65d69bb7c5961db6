"""The protocol's state machines, free of I/O: bytes in, messages and bytes out, time passed in."""
