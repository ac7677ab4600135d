from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from ninja import NinjaAPI

from chatapp.api.auth import BearerKey
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


def not_found(request: HttpRequest, **_: str) -> HttpResponse:
    return problem_response(ChatappError("not_found"), path=request.path)


urlpatterns = [
    path("v1/", openai_api.urls),
    path("api/v1/", product_api.urls),
    re_path(r"^(?:v1|api)/", not_found),
]
