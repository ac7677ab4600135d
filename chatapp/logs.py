"""One JSON line per event on standard error; message text and credentials are never logged.

A thread of its own writes them: whoever logs waits for no disk and no reader, and hears of none that fails. Lines that
do not fit into its queue are dropped and counted.
"""

import atexit
import logging
import logging.config
import queue
from contextlib import suppress
from logging.handlers import QueueHandler, QueueListener
from typing import Any, TextIO

import structlog

from chatapp.masking import mask_event
from chatapp.metrics import count_fault

MAX_WAITING_LINES = 10_000
LAST_LINES_SECONDS = 2.0

SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


class NoProbes(logging.Filter):
    """A load balancer asks `/readyz` every second; "not ready yet" is no error of the product."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(getattr(record, "request", None), "path", "") != "/readyz"


class NeverBlocking(QueueHandler):
    """Formats in the caller's thread, where its context is."""

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            count_fault("log_dropped")


class NeverFailing(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - logging's own name for it
        count_fault("log_dropped")


class Writer(QueueListener):
    def close(self) -> None:
        """At the end of the process: what waits is written, unless nobody takes it."""
        with suppress(queue.Full):
            self.enqueue_sentinel()
        if self._thread is not None:
            self._thread.join(LAST_LINES_SECONDS)


def make_handler(stream: TextIO | None = None) -> logging.Handler:
    lines: queue.Queue[Any] = queue.Queue(MAX_WAITING_LINES)
    writer = Writer(lines, NeverFailing(stream))
    writer.start()
    atexit.register(writer.close)
    return NeverBlocking(lines)


def configure(overrides: dict[str, Any]) -> None:
    """Django calls this with settings.LOGGING; overrides are merged on top."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        mask_event,
                        structlog.processors.JSONRenderer(),
                    ],
                    "foreign_pre_chain": SHARED,
                },
            },
            "filters": {"probes": {"()": NoProbes}},
            "handlers": {"stderr": {"()": make_handler, "formatter": "json"}},
            "root": {"handlers": ["stderr"], "level": "INFO"},
            "loggers": {
                "django.request": {"filters": ["probes"]},
                "httpx": {"level": "WARNING"},
                # At lower levels they log prompts and headers.
                "httpcore2": {"level": "WARNING"},
                "httpx2": {"level": "WARNING"},
                "openai": {"level": "WARNING"},
                "sentence_transformers": {"level": "WARNING"},
                "django_structlog": {"level": "WARNING"},
            },
            **overrides,
        },
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
