"""The web process: Django over HTTP, Channels over the websocket."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatapp.settings")
http_application = get_asgi_application()

# These need the app registry, which the line above fills.
from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402

from chatapp.accounts.middleware import SocketOrigin  # noqa: E402
from chatapp.conversations.origins import SameOriginMiddleware  # noqa: E402
from chatapp.conversations.routing import websocket_urlpatterns  # noqa: E402
from chatapp.limits import BodyLimit  # noqa: E402
from chatapp.sub_path import SubPath  # noqa: E402

application = ProtocolTypeRouter(
    {
        # A form with the largest allowed file fits; every other body is limited further by Django.
        "http": SubPath(BodyLimit(http_application, max_bytes=settings.UPLOAD_MAX_BYTES + 1024 * 1024)),
        "websocket": SameOriginMiddleware(SubPath(AuthMiddlewareStack(SocketOrigin(URLRouter(websocket_urlpatterns))))),
    },
)
