from typing import Any

from ninja import Router

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.errors import ChatappError
from chatapp.inference import selectors
from chatapp.inference.models import ModelVersion

router = Router(auth=BearerKey("models"))


def shape(version: ModelVersion) -> dict[str, Any]:
    return {
        "id": version.name,
        "object": "model",
        "created": int(version.created_at.timestamp()),
        "owned_by": "chatapp",
    }


@router.get("")
def list_models(request: ApiRequest) -> dict[str, Any]:  # noqa: ARG001 (Ninja passes it)
    return {"object": "list", "data": [shape(version) for version in selectors.list_chat_versions()]}


@router.get("/{name}")
def get_model(request: ApiRequest, name: str) -> dict[str, Any]:  # noqa: ARG001 (likewise)
    for version in selectors.list_chat_versions():
        if version.name == name:
            return shape(version)
    raise ChatappError("model_unknown", name=name[:100])
