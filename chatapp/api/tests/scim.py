"""A directory that speaks SCIM, for tests."""

import json
from typing import Any

from django.test import Client

CORE = "urn:ietf:params:scim:schemas:core:2.0"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


class Directory:
    def __init__(self, key: str) -> None:
        self.client = Client()
        self.key = key

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.client.generic(
            method,
            f"/scim/v2{path}",
            content,
            content_type="application/scim+json",
            headers={"authorization": f"Bearer {self.key}", **headers},
        )

    def get(self, path: str) -> dict[str, Any]:
        return self.expect(200, "GET", path)

    def find(self, kind: str, condition: str) -> list[str]:
        """Ids of those that meet the filter."""
        found = self.client.get(
            f"/scim/v2/{kind}", {"filter": condition}, headers={"authorization": f"Bearer {self.key}"}
        )
        assert found.status_code == 200, found.content
        return [one["id"] for one in found.json()["Resources"]]

    def expect(self, status: int, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        response = self.send(method, path, body, **headers)
        assert response.status_code == status, response.content
        document: dict[str, Any] = json.loads(response.content) if response.content else {}
        return document

    def add_user(self, user_name: str, **more: Any) -> dict[str, Any]:
        return self.expect(201, "POST", "/Users", {"schemas": [f"{CORE}:User"], "userName": user_name, **more})

    def add_group(self, name: str, *members: str) -> dict[str, Any]:
        body = {
            "schemas": [f"{CORE}:Group"],
            "displayName": name,
            "members": [{"value": member} for member in members],
        }
        return self.expect(201, "POST", "/Groups", body)

    def patch_user(self, user_id: str, *operations: dict[str, Any]) -> dict[str, Any]:
        return self.expect(200, "PATCH", f"/Users/{user_id}", {"schemas": [PATCH], "Operations": list(operations)})

    def patch_group(self, group_id: str, *operations: dict[str, Any]) -> None:
        self.expect(204, "PATCH", f"/Groups/{group_id}", {"schemas": [PATCH], "Operations": list(operations)})

    def members(self, group_id: str) -> set[str]:
        return {member["value"] for member in self.get(f"/Groups/{group_id}").get("members", [])}
