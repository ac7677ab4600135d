"""What the body of a request names."""

from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion
from chatapp.inference.selectors import get_version_by_name


def version_in_body(name: str) -> ModelVersion:
    """What is wrong when there is none of that name is the body, not the address. Raises ChatappError("invalid")."""
    try:
        return get_version_by_name(name)
    except ChatappError as error:
        raise ChatappError("invalid", detail=error.message) from None
