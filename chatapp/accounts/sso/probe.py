"""What an identity provider answers now, for the administrator who sets it up."""

from requests import RequestException

from chatapp.accounts.models import IdentityProvider, ProviderKind
from chatapp.accounts.sso.documents import NotAProviderError, discover, fetch_keys
from chatapp.errors import ChatappError
from chatapp.guarded import ForbiddenAddressError


def describe_provider(provider: IdentityProvider) -> list[tuple[str, str]]:
    """Facts with their names. Raises ChatappError("provider_probe") with a sentence."""
    return _describe_oidc(provider) if provider.kind == ProviderKind.OIDC else _describe_saml(provider)


def _describe_oidc(provider: IdentityProvider) -> list[tuple[str, str]]:
    try:
        config = discover(provider.url, afresh=True)
        keys = fetch_keys(config, not_older=0)
    except (NotAProviderError, ForbiddenAddressError) as error:
        raise ChatappError("provider_probe", detail=str(error)) from error
    except (RequestException, ValueError) as error:
        raise ChatappError("provider_probe", detail="It does not answer as a provider does.") from error
    found = [("Issuer", config["issuer"]), ("Sign-in", config["authorization_endpoint"])]
    kinds = sorted({str(key.get("alg") or key.get("kty")) for key in keys})
    found.append(("Keys", f"{len(keys)} ({', '.join(kinds)})"))
    found.append(("Sign-out there", config.get("end_session_endpoint", "not offered")))
    offered = "offered" if config.get("backchannel_logout_supported") else "not announced"
    return [*found, ("Back-channel logout", offered)]


def _describe_saml(provider: IdentityProvider) -> list[tuple[str, str]]:
    from chatapp.accounts.sso.saml.errors import SamlError
    from chatapp.accounts.sso.saml.metadata import metadata_of

    try:
        found = metadata_of(provider)
    except SamlError as error:
        raise ChatappError("provider_probe", detail="Its metadata cannot be read or fetched.") from error
    count = str(len(found.certificates))
    facts = [("Entity", found.entity_id), ("Sign-in", found.sso_url), ("Certificates", count)]
    return [*facts, ("Sign-out there", found.slo_url or "not offered")]
