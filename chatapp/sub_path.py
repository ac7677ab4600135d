"""The product below a path of a shared host (ROOT_PATH), whether the proxy in front cuts that path off or not."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

Application = Callable[[Any, Any, Any], Awaitable[Any]]


class SubPath:
    """ASGI middleware: gives the application the whole path, as ASGI has it, and the root path beside it."""

    def __init__(self, application: Application, root_path: str | None = None) -> None:
        self.application = application
        self.root_path: str = settings.ROOT_PATH if root_path is None else root_path

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        path = scope.get("path", "")
        if self.root_path and path != self.root_path and not path.startswith(self.root_path + "/"):
            path = self.root_path + path
        if path == self.root_path:
            path += "/"
        return await self.application({**scope, "path": path, "root_path": self.root_path}, receive, send)
