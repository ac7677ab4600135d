"""Servers without an OpenAI route, asked once for the whole answer: TorchServe, TensorFlow Serving, KServe v2, others.

Their shapes: pytorch.org/serve/inference_api.html, tensorflow.org/tfx/serving/api_rest,
kserve.github.io (Open Inference Protocol, version 2).
"""

from collections.abc import Iterator, Mapping
from urllib.parse import quote

import httpx2

from chatapp.inference.engine.errors import SamplingError
from chatapp.inference.providers.backend import Delta, Question
from chatapp.inference.providers.errors import ProviderError, status_error
from chatapp.inference.providers.mapping import fill, find_text, sampling_of
from chatapp.inference.providers.options import RequestOptions
from chatapp.inference.providers.upstream import Connection


class HttpJson:
    """`{model}` in the path is the model's name there."""

    def __init__(self, *, model: str, options: RequestOptions) -> None:
        self._path = options.path.replace("{model}", quote(model, safe=""))
        self._template = options.request
        self._response = options.response
        self._allowed = set(sampling_of(options.request))

    def check_sampling(self, sampling: Mapping[str, object]) -> None:
        refused = next((name for name in sampling if name not in self._allowed), None)
        if refused is not None:
            raise SamplingError(f"{refused} is not a sampling parameter that this model takes.")

    def session(self, url: str, http: httpx2.Client) -> None:
        """None is needed: the HTTP client is the connection's own."""

    def probe_url(self, url: str) -> str | None:
        del url  # Each of these servers has another place for it, and none is common to them.
        return None

    def ask(self, connection: Connection, question: Question) -> Iterator[Delta]:
        body = fill(self._template, question)
        try:
            with connection.http.stream("POST", connection.url + self._path, json=body) as response:
                if not response.is_success:
                    raise status_error(status=response.status_code, headers=response.headers)
                answer = response.read()
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            reason = f"The connection to the provider failed: {type(error).__name__}."
            raise ProviderError(reason, retryable=True) from None
        yield Delta(text=find_text(answer, self._response), finish_reason="stop")
