"""The page's websocket in a test's hands: cut, silenced, refused, or spoken to by the test itself."""

import json
from typing import Any

from playwright.sync_api import Page, WebSocketRoute

PATH = "**/ws/"


class Sockets:
    """Every socket that the page opens from now on passes through here, in order in `opened`.

    `silent` drops all frames of the first one, in both directions; `withheld` are types of the server's frames that
    no page gets.
    """

    def __init__(self, page: Page) -> None:
        self.opened: list[WebSocketRoute] = []
        self.sent: list[dict[str, Any]] = []
        self.silent = False
        self.withheld: set[str] = set()
        page.route_web_socket(PATH, self._pass_on)

    def cut(self, code: int = 1012) -> None:
        self.opened[-1].close(code=code)

    def say(self, **frame: Any) -> None:
        """As if the server had sent it."""
        self.opened[-1].send(json.dumps(frame))

    def _pass_on(self, route: WebSocketRoute) -> None:
        self.opened.append(route)
        server = route.connect_to_server()

        def from_page(message: str | bytes) -> None:
            self.sent.append(json.loads(message))
            if not self.silent or route is not self.opened[0]:
                server.send(message)

        def from_server(message: str | bytes) -> None:
            is_cut_off = self.silent and route is self.opened[0]
            if not is_cut_off and json.loads(message)["type"] not in self.withheld:
                route.send(message)

        route.on_message(from_page)
        server.on_message(from_server)


def refuse_sockets(page: Page) -> None:
    """As behind a proxy that knows no websockets."""
    page.route_web_socket(PATH, lambda route: route.close(code=1011))
