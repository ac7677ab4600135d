"""RFC 9457 problem documents."""

from django.http import JsonResponse

from chatapp.errors import ChatappError


def problem_response(error: ChatappError) -> JsonResponse:
    response = JsonResponse(
        {"type": f"urn:chatapp:{error.code}", "title": error.message, "status": error.status, "code": error.code},
        status=error.status,
        content_type="application/problem+json",
    )
    if "seconds" in error.params:
        response["Retry-After"] = str(error.params["seconds"])
    if error.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response
