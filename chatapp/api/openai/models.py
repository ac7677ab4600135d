from typing import Any

from ninja import Router

from chatapp.api.auth import ApiRequest, BearerKey
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
def list_models(request: ApiRequest) -> dict[str, Any]:
    return {"object": "list", "data": [shape(version) for version in selectors.list_asked_versions_for(request.auth)]}


@router.get("/{name}")
def get_model(request: ApiRequest, name: str) -> dict[str, Any]:
    return shape(selectors.get_asked_version_for(request.auth, name))
