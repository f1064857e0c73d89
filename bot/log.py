"""Logs: one line an event, with stable names, and never a message's text, a token or a phone number."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logs(level: str) -> None:
    """Send our logs to standard error, at a level: as text for a person at a terminal, else as JSON lines."""
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # httpx names every address it asks at INFO; nobody needs that. And discord.py quotes messages at DEBUG.
    for noisy in ("httpx", "httpcore", "discord"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
