import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def _no_earlier_sign_ins_count() -> None:
    cache.clear()
