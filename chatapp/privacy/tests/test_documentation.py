"""docs/privacy.md names every table that may hold something of people, and every encrypted column."""

import re

from django.apps import apps

from chatapp.privacy.models import Kind
from chatapp.privacy.selectors.retention import DUE
from chatapp.privacy.sql import encrypted_columns
from chatapp.runtime.files import CHECKOUT

# Nothing of people is in these: set-up, rights and the product's own state.
OF_NOBODY = {
    "accounts_customrole",
    "accounts_grouprole",
    "accounts_provisionedgroup",
    "accounts_provisioningclient",
    "accounts_signinpolicy",
    "accounts_user_user_permissions",
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "axes_accessattemptexpiration",
    "django_content_type",
    "inference_dailyspeed",
    "inference_download",
    "inference_modelversion",
    "inference_rollout",
    "inference_rolloutstep",
    "inference_route",
    "inference_routearm",
    "inference_routefallback",
    "inference_routerule",
    "inference_summedday",
    "inference_versionchange",
    "inference_versionproblem",
    "inference_worker",
    "inference_worker_loaded",
    "inference_worker_loading",
    "inference_worker_serves",
    "moderation_checktally",
    "moderation_policyversion",
    "privacy_datakey",
    "privacy_retentionrule",
    "retrieval_citationsupport",
    "retrieval_collectionaccess",
    "retrieval_collectionstatistics",
    "retrieval_embeddingindex",
    "retrieval_termstatistics",
    "socialaccount_socialapp",
}
TEXT = (CHECKOUT / "docs" / "privacy.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("| `")]


def test_every_table_stands_in_the_documentation_or_is_of_nobody() -> None:
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    named = {name for row in ROWS for name in re.findall(r"`(\w+)`", row[0])}
    assert named | OF_NOBODY == tables
    assert named & OF_NOBODY == set()


def test_every_encrypted_column_is_said_to_be_so() -> None:
    said = {
        (table, word) for row in ROWS for table in re.findall(r"`(\w+)`", row[0]) for word in re.split(r"\W+", row[2])
    }
    assert [column.place for column in encrypted_columns() if (column.table, column.name) not in said] == []


def test_every_kind_of_retention_has_a_query() -> None:
    assert set(DUE) == set(Kind)
