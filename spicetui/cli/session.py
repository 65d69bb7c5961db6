"""A session for one command: connected by the options, closed in order."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from typing import TYPE_CHECKING

from ..errors import AuthError, ConnectError, FeatureMissing, LinkError
from .exits import complain
from .options import read_password, read_target, session_options

if TYPE_CHECKING:
    from ..channels.inputs import Inputs
    from ..client import Client
    from ..connectors.targets import Target
    from ..interfaces import Driver

LOOK_SECONDS = 0.002


@contextlib.asynccontextmanager
async def session(
    arguments: argparse.Namespace, driver: Driver | None = None, *, only: Collection[str] | None = None
) -> AsyncIterator[Client]:
    """Connects to the TARGET of the command line and closes it in the end, whatever happens.

    *only*: the channel types to open besides main; each channel costs the server an RSA key, 10 to 30 ms.
    """
    target = read_target(arguments)
    password = read_password(arguments, target)
    try:
        client = await open_client(arguments, target, password, driver, only)
        try:
            yield client
        finally:
            await client.aclose()
    finally:
        await target.aclose()


async def open_client(
    arguments: argparse.Namespace,
    target: Target,
    password: str | None,
    driver: Driver | None,
    only: Collection[str] | None = None,
) -> Client:
    """Connects as the options say. The text of what it raises names the target and what to do."""
    from ..client import connect
    from ..wire.enums import ChannelType

    options = session_options(arguments)
    if only is not None:
        options.disable_channels |= {kind.name.lower() for kind in ChannelType}.difference(only)
    try:
        return await connect(
            target.connector,
            driver,
            password=password,
            options=options,
            timeout=arguments.timeout,
        )
    except AuthError as error:
        advice = "check the password"
        if password is None:
            advice = "give it with --password-file, SPICETUI_PASSWORD or --ask-password"
        raise AuthError(f"{target.title}: {error}; {advice}") from error
    except LinkError as error:
        raise LinkError(_named(error, target), error.code) from error
    except ConnectError as error:
        raise ConnectError(_named(error, target)) from error


def _named(error: ConnectError, target: Target) -> str:
    return str(error) if target.title in str(error) else f"cannot connect to {target.title}: {error}"


async def ready_inputs(client: Client, seconds: float) -> Inputs:
    """The inputs channel once the server has told the state of its locks. Raises FeatureMissing."""
    inputs = client.inputs
    if inputs is None:
        raise FeatureMissing("the server offers no keyboard and mouse (no inputs channel)")
    try:
        async with asyncio.timeout(seconds):
            while not inputs.ready and not inputs.closed:
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        complain("warning: the server has not told the state of its locks")
    return inputs
