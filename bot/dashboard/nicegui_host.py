"""NiceGUI, which knows one application a process: all dealings with its global state are here.

One dashboard may be open at a time in a process; when it is closed, the next one may be opened, also on another
event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from importlib.resources import as_file, files
from typing import Any, Final

from fastapi import FastAPI
from nicegui import Client, core, ui

# A tab that sleeps, or a laptop whose lid was closed, comes back to the same page.
_RECONNECT_SECONDS: Final = 20.0
_HANG_UP_SECONDS: Final = 0.5


class NiceGuiHost:
    """Mounts NiceGUI on an application, and takes it down again."""

    def __init__(self) -> None:
        self._mounted = False

    def mount(self, app: FastAPI, path: str, page: Callable[..., Any]) -> None:
        """Serve a page, and what it needs, under `/` of an application."""
        if core.app.is_started:
            raise RuntimeError("another dashboard is open in this process")
        # What an earlier mount left behind: Starlette takes no middleware once a stack was built.
        core.app.middleware_stack = None
        core.app.user_middleware.clear()
        core.sio.eio.start_service_task = True
        with as_file(files("bot.dashboard") / "assets" / "understudy.svg") as favicon:
            ui.run_with(
                app,
                title="Understudy",
                favicon=favicon,
                dark=None,
                language="en-US",
                tailwind=False,
                reconnect_timeout=_RECONNECT_SECONDS,
                show_welcome_message=False,
            )
        core.app.colors(primary="#0f766e", dark="#1a1f1e", dark_page="#121615")
        ui.page(path)(page)
        self._mounted = True

    async def hang_up(self) -> None:
        """Close the websockets of all pages; call it before the server stops, or it waits for them."""
        engine = core.sio.eio
        # A browser that does not read any more must not keep us.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HANG_UP_SECONDS):
                await asyncio.gather(*(engine.disconnect(sid) for sid in list(engine.sockets)))
        engine.sockets.clear()
        # It waits for its own task, which there is only when a page was open since the last shutdown.
        if engine.service_task_handle is not None:
            await core.sio.shutdown()

    async def close(self) -> None:
        """Forget the pages; call it when the server has stopped. Browsers load theirs anew when one is back."""
        if not self._mounted:
            return
        if not core.app.is_stopped:
            await core.app.stop()
        for client in list(Client.instances.values()):
            client.delete()
        self._mounted = False
