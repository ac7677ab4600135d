"""Azure OpenAI: `https://RESOURCE.openai.azure.com`; the external model is the name of the deployment.

learn.microsoft.com/azure/ai-services/openai/reference: the deployment is in the path and the version in the query,
the key goes into the header `api-key`, tokens of Entra ID into `Authorization`; the first event of a stream has no
choices but the results of the content filter on the prompt. Stored completions are off unless asked for.
"""

from collections.abc import Mapping
from urllib.parse import quote

from chatapp.inference.providers.options import RequestOptions
from chatapp.inference.providers.presets.preset import OPENAI, Preset


def _deployment(url: str, model: str) -> str:
    return f"{url}/openai/deployments/{quote(model, safe='')}"


def _version(options: RequestOptions) -> Mapping[str, object]:
    return {"api-version": options.api_version}


def _models(url: str, options: RequestOptions) -> str | None:
    return f"{url}/openai/models?api-version={options.api_version}"


PRESET = Preset(
    name="azure",
    sampling=OPENAI,
    auth_header="api-key",
    takes_client_credentials=True,
    user_field="user",
    needs=("api_version",),
    base_url=_deployment,
    query=_version,
    probe_url=_models,
)
