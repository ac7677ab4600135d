import asyncio

from channels.db import database_sync_to_async
from django.http import JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Router

from chatapp.accounts.models import ApiKey, User
from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.openai.answers import Answer, shape_completion
from chatapp.api.openai.following import Follower
from chatapp.api.openai.schemas import ChatRequest
from chatapp.api.openai.streaming import AnswerStream
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Priority
from chatapp.conversations.streams.hub import get_hub
from chatapp.errors import ChatappError
from chatapp.inference.engine.sampling import parse_sampling
from chatapp.inference.models import Route
from chatapp.inference.selectors import get_asked_version_for, is_route_name
from chatapp.retrieval.selectors import require_collections

router = Router(auth=BearerKey("chat"))


@router.post("")
async def create_chat_completion(request: ApiRequest, body: ChatRequest) -> HttpResponseBase:
    user = request.auth
    generation = await database_sync_to_async(accept_chat)(user, body, request.api_key)
    if body.stream:
        return stream_answer(user, generation, body)
    await wait_for_end(user, generation)
    return JsonResponse(await database_sync_to_async(load_completion)(user, generation))


def accept_chat(user: User, body: ChatRequest, key: ApiKey | None = None) -> Generation:
    """`model` names a route or a version. Raises ChatappError: model_unknown, not_found, those of `post_api_chat`."""
    route = body.model if body.model != Route.DEFAULT and is_route_name(body.model) else None
    version = None if route or body.model == Route.DEFAULT else get_asked_version_for(user, body.model)
    require_collections(user, body.chatapp.collections)
    parse_sampling(body.sampling)  # a schema that cannot be followed is refused now, not by a worker
    return services.post_api_chat(
        user=user,
        key=key,
        messages=[message.as_stored() for message in body.messages],
        version=version,
        route=route,
        choice=body.chatapp.choice,
        collections=body.chatapp.collections,
        conversation_id=body.chatapp.conversation,
        is_temporary=body.chatapp.temporary,
        max_tokens=body.token_limit,
        sampling=body.sampling,
        stop=body.stops,
        priority=Priority.BATCH if body.chatapp.priority == "batch" else Priority.API,
    )


async def wait_for_end(user: User, generation: Generation) -> None:
    """Returns when the answer has ended. A client that leaves meanwhile stops it.

    Raises ChatappError("restarting") when the web process shuts down.
    """
    follower = Follower()
    try:
        async with get_hub().follow(generation, is_new=True) as live:
            version = -1
            while not (live.ended or follower.is_leaving):
                version = await follower.changed(live, version)
    except asyncio.CancelledError:
        await database_sync_to_async(services.request_stop)(user=user, generation_id=generation.id)
        raise
    if follower.is_leaving:
        raise ChatappError("restarting", generation=generation.id)


def load_completion(user: User, generation: Generation) -> dict[str, object]:
    """Raises ChatappError when the answer failed."""
    answer = Answer(user, generation)
    if answer.problem is not None:
        raise answer.problem
    return shape_completion(answer)


def stream_answer(user: User, generation: Generation, body: ChatRequest) -> StreamingHttpResponse:
    include_usage = bool(body.stream_options and body.stream_options.include_usage)
    events = AnswerStream(user=user, generation=generation, model=body.model, include_usage=include_usage)
    # Proxies that gather a response before passing it on would hold every token back until the end.
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
    return StreamingHttpResponse(events, content_type="text/event-stream", headers=headers)
