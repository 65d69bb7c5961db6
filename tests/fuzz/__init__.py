"""Whole display and cursor channels against what no sane server sends.

A case is what a server says on the channels of one session. Cases are put together from recorded sessions, from the
scenes of the canvas, from the streams of the codecs and from messages made up of their declarations, are then damaged,
and are played into the client's own channels. In the repository's folder

    python -m tests.fuzz --seconds 3600 [--sanitize] [--seed S]
    python -m tests.fuzz --play FILE ...

goes on for as long as wanted; a case that fails is written to a file and named.
"""
