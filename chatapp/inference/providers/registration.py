"""What an external version must say of itself before it is stored; each refusal is a sentence (`RequestError`)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from chatapp.inference.engine.errors import RequestError
from chatapp.inference.models import ModelVersion, Provider
from chatapp.inference.providers.addresses import check_url
from chatapp.inference.providers.harm import HARM_SERVICES, HarmService
from chatapp.inference.providers.mapping import check_template, sampling_of
from chatapp.inference.providers.options import RequestOptions, parse_request_options
from chatapp.inference.providers.presets import PRESETS, Preset

EXTERNAL = (Provider.OPENAI_COMPATIBLE, Provider.HTTP_JSON, Provider.MODERATION)
MAX_ENDPOINTS = 20
_KEY = re.compile(r"[\x21-\x7e]{0,16384}")
_MODEL = re.compile(r"[\x21-\x7e]{0,200}")
_HTTP_JSON_ONLY = {"path", "request", "response"}
_OPENAI_ONLY = {"system_role", "max_tokens_field", "sends_user_hash"}
# A moderation service is asked once, within the time budget of the check that asks.
_CHAT_ONLY = {
    *_HTTP_JSON_ONLY,
    *_OPENAI_ONLY,
    *{"sampling", "first_token_seconds", "inter_token_seconds", "wait_seconds", "answer_seconds", "max_retries"},
    *{"concurrency", "requests_per_minute", "tokens_per_minute"},
}


@dataclass(frozen=True, slots=True)
class EndpointIn:
    """Its key is kept out of every text that is made of it."""

    url: str
    key: str

    def __repr__(self) -> str:
        return f"EndpointIn({self.url!r})"


def check_external(version: ModelVersion, endpoints: Iterable[object]) -> list[EndpointIn]:
    """The endpoints as they are stored."""
    if version.sha256 or version.sources or version.engine_options:
        raise RequestError("An external version has no weights here: leave out sha256, sources and engine_options.")
    if not _MODEL.fullmatch(version.external_model):
        raise RequestError("external_model is a name of at most 200 plain characters.")
    options = parse_request_options(version.request_options)
    checked = _check_endpoints(endpoints, is_own=not version.may_leave_company)
    if version.provider == Provider.HTTP_JSON:
        _check_mapping(version, options)
        header_is_open = True
    elif version.provider == Provider.MODERATION:
        header_is_open = _check_service(version, options).takes_client_credentials
    else:
        header_is_open = _check_preset(version, options).takes_client_credentials
    _check_credential(options, checked, header_is_open=header_is_open, is_own=not version.may_leave_company)
    return checked


def refuse_external(version: ModelVersion, endpoints: Iterable[object]) -> None:
    """For versions that this product computes itself."""
    named = {
        "preset": version.preset,
        "external_model": version.external_model,
        "request_options": version.request_options,
        "endpoints": list(endpoints),
        "may_leave_company": version.may_leave_company,
    }
    wrong = next((name for name, value in named.items() if value), None)
    if wrong is not None:
        raise RequestError(f"{wrong} is for external versions; a {version.provider} version runs here.")


def _check_preset(version: ModelVersion, options: RequestOptions) -> Preset:
    preset = PRESETS.get(version.preset)
    if preset is None:
        raise RequestError(f"preset must be one of {', '.join(PRESETS)}.")
    if preset.sends_model and not version.external_model:
        raise RequestError("external_model must name the model or deployment at the provider.")
    _refuse_options(options, _HTTP_JSON_ONLY | {"api_version"} - set(preset.needs), version.preset)
    missing = next((name for name in preset.needs if not getattr(options, name)), None)
    if missing is not None:
        raise RequestError(f"The preset {preset.name} needs {missing} in request_options.")
    if options.sends_user_hash and not preset.user_field:
        raise RequestError(f"The preset {preset.name} has no place for a user's hash.")
    _check_sampling(version, _narrowed(preset, options))
    return preset


def _check_service(version: ModelVersion, options: RequestOptions) -> HarmService:
    service = HARM_SERVICES.get(version.preset)
    if service is None:
        raise RequestError(f"The preset of a moderation service must be one of {', '.join(HARM_SERVICES)}.")
    _refuse_options(options, _CHAT_ONLY, "a moderation service")
    wrong = next((name for name in ("sampling", "system_prompt") if getattr(version, name)), None)
    if wrong is not None:
        raise RequestError(f"{wrong} is for versions that write; a moderation service writes no text.")
    return service


def _check_mapping(version: ModelVersion, options: RequestOptions) -> None:
    if version.preset:
        raise RequestError("preset is for openai_compatible versions.")
    _refuse_options(options, _OPENAI_ONLY | {"api_version", "sampling"}, "http_json")
    if not options.path:
        raise RequestError("An http_json version needs path, request and response in request_options.")
    check_template(options.request)
    if "{model}" in options.path and not version.external_model:
        raise RequestError("external_model must name the {model} of the path.")
    _check_sampling(version, sampling_of(options.request))


def _narrowed(preset: Preset, options: RequestOptions) -> tuple[str, ...]:
    unknown = next((name for name in options.sampling or () if name not in preset.sampling), None)
    if unknown is not None:
        raise RequestError(f"{unknown[:60]} is not a sampling parameter that {preset.name} takes.")
    return preset.sampling if options.sampling is None else options.sampling


def _check_sampling(version: ModelVersion, allowed: tuple[str, ...]) -> None:
    refused = next((name for name in version.sampling if name not in allowed), None)
    if refused is not None:
        raise RequestError(f"{refused[:60]} is not a sampling parameter that this model takes.")


def _refuse_options(options: RequestOptions, names: set[str], where: str) -> None:
    defaults = RequestOptions()
    given = {one.name for one in fields(options) if getattr(options, one.name) != getattr(defaults, one.name)}
    if wrong := sorted(given & names):
        raise RequestError(f"{wrong[0]} is not a request option of {where}.")


def _check_endpoints(endpoints: Iterable[object], *, is_own: bool) -> list[EndpointIn]:
    checked = [_check_endpoint(endpoint, is_own=is_own) for endpoint in endpoints]
    if not 1 <= len(checked) <= MAX_ENDPOINTS:
        raise RequestError(f"An external version has 1 to {MAX_ENDPOINTS} endpoints.")
    if len({endpoint.url for endpoint in checked}) < len(checked):
        raise RequestError("Each endpoint is named once.")
    return checked


def _check_endpoint(endpoint: object, *, is_own: bool) -> EndpointIn:
    if not isinstance(endpoint, Mapping) or not set(endpoint) <= {"url", "key"}:
        raise RequestError("An endpoint is an object with url and, if it needs one, key.")
    key = endpoint.get("key", "")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise RequestError("The key of an endpoint has plain characters without spaces.")
    return EndpointIn(check_url(endpoint.get("url"), is_own=is_own), key)


def _check_credential(
    options: RequestOptions, endpoints: list[EndpointIn], *, header_is_open: bool, is_own: bool
) -> None:
    given = {name: bool(getattr(options, name)) for name in ("token_file", "tenant", "client_id", "scope", "token_url")}
    if options.credential == "key":
        wrong = next((name for name, is_given in given.items() if is_given), None)
        if wrong is not None:
            raise RequestError(f"{wrong} goes with another credential than key.")
    elif options.credential == "token_file":
        if not given["token_file"] or any(endpoint.key for endpoint in endpoints):
            raise RequestError("With the credential token_file, name the token_file and give no key.")
    elif not header_is_open:
        raise RequestError("The credential client_credentials is for the preset azure and for http_json.")
    elif not (given["client_id"] and (given["tenant"] or given["token_url"]) and all(one.key for one in endpoints)):
        raise RequestError("client_credentials needs client_id, tenant or token_url, and the secret as key.")
    elif given["token_url"]:
        check_url(options.token_url, is_own=is_own)
