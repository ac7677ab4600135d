from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI

from chatapp.api.auth import EVERY_KEY, BearerKey
from chatapp.api.errors import add_error_handlers
from chatapp.api.openai import router as openai_router
from chatapp.api.parser import SafeParser
from chatapp.api.resources import ROUTERS
from chatapp.errors import ChatappError
from chatapp.problems import problem_response

openai_api = NinjaAPI(
    title="Chatapp, OpenAI's shapes",
    urls_namespace="openai",
    auth=BearerKey(),
    parser=SafeParser(),
    docs_url=None,
    openapi_url=None,
)
product_api = NinjaAPI(
    title="Chatapp",
    version="1",
    description="Errors are RFC 9457 problem documents with a stable `code`. Rights are checked before the body.",
    urls_namespace="api",
    auth=BearerKey(),
    parser=SafeParser(),
    docs_url=None,
)
openai_api.add_router("", openai_router)
for prefix, router in ROUTERS.items():
    product_api.add_router(prefix, router)
for api in (openai_api, product_api):
    add_error_handlers(api)


@csrf_exempt
def no_such_endpoint(request: HttpRequest, **_: str) -> HttpResponse:
    """What lies outside both APIs; without a key nobody learns that there is nothing."""
    known = BearerKey(EVERY_KEY, only_reads=True)(request) is not None
    return problem_response(ChatappError("not_found" if known else "unauthenticated"), path=request.path)


urlpatterns = [
    path("v1/", no_such_endpoint),  # before Ninja's own root pages
    path("api/v1/", no_such_endpoint),
    path("v1/", openai_api.urls),
    path("api/v1/", product_api.urls),
    path("v1/<path:rest>", no_such_endpoint),
    path("api/", no_such_endpoint),
    path("api/<path:rest>", no_such_endpoint),
]
