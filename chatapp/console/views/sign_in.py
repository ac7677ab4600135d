from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from chatapp.accounts.models import IdentityProvider, ProviderKind, SignInPolicy
from chatapp.accounts.selectors.sso import (
    get_sign_in_policy,
    get_stored_provider_for,
    list_identity_providers_for,
)
from chatapp.accounts.services.sso import (
    ProviderFacts,
    add_identity_provider,
    change_identity_provider,
    remove_identity_provider,
    set_local_login,
    set_provider_enabled,
)
from chatapp.accounts.sso.presets import LABELS, preset_for
from chatapp.accounts.sso.probe import describe_provider
from chatapp.console.access import ConsoleRequest, console_page, go, tabs_for
from chatapp.console.provider_form import ProviderForm
from chatapp.errors import ChatappError

MANAGE = "accounts.manage_sign_in"


@require_GET
@console_page(MANAGE)
def list_providers(request: ConsoleRequest) -> HttpResponse:
    providers = list_identity_providers_for(request.user)
    context = {
        "stored": [provider for provider in providers if not provider.is_of_settings],
        "configured": [provider for provider in providers if provider.is_of_settings],
        "policy": get_sign_in_policy(),
        "choices": SignInPolicy.LocalLogin.choices,
        "kinds": ProviderKind.choices,
    }
    return render(request, "console/sign_in.html", {"tabs": tabs_for(request), **context})


@require_http_methods(["GET", "POST"])
@console_page(MANAGE)
def add_provider(request: ConsoleRequest, kind: str) -> HttpResponse:
    if kind not in ProviderKind:
        raise ChatappError("not_found")
    form = ProviderForm(request.POST or None, kind=ProviderKind(kind))
    form.initial = {**preset_for(ProviderKind(kind), request.GET.get("preset", ""))}

    def save(facts: ProviderFacts) -> str:
        slug = form.cleaned_data["slug"]
        add_identity_provider(actor=request.user, kind=ProviderKind(kind), slug=slug, facts=facts)
        return f"{facts.name} is added. Test it, and sign in by it once before you rely on it."

    return _edit(request, form, save)


@require_http_methods(["GET", "POST"])
@console_page(MANAGE)
def edit_provider(request: ConsoleRequest, slug: str) -> HttpResponse:
    provider = get_stored_provider_for(request.user, slug)
    form = ProviderForm(request.POST or None, kind=ProviderKind(provider.kind), provider=provider)

    def save(facts: ProviderFacts) -> str:
        change_identity_provider(actor=request.user, provider=provider, facts=facts)
        return f"{facts.name} is changed."

    return _edit(request, form, save, provider=provider)


@require_POST
@console_page(MANAGE)
def test_provider(request: ConsoleRequest, slug: str) -> HttpResponse:
    provider = get_stored_provider_for(request.user, slug)
    context: dict[str, object] = {"provider": provider}
    try:
        context["facts"] = describe_provider(provider)
    except ChatappError as error:
        context["failure"] = error.message
    return render(request, "console/_provider_answer.html", context)


@require_POST
@console_page(MANAGE)
def set_enabled(request: ConsoleRequest, slug: str) -> HttpResponse:
    provider = get_stored_provider_for(request.user, slug)
    enabled = request.POST.get("enabled") == "1"
    set_provider_enabled(actor=request.user, provider=provider, enabled=enabled)
    return _back(request, f"{provider.name} is switched {'on' if enabled else 'off'}.")


@require_POST
@console_page(MANAGE)
def remove_provider(request: ConsoleRequest, slug: str) -> HttpResponse:
    provider = get_stored_provider_for(request.user, slug)
    remove_identity_provider(actor=request.user, provider=provider)
    return _back(request, f"{provider.name} is removed.")


@require_POST
@console_page(MANAGE)
def set_policy(request: ConsoleRequest) -> HttpResponse:
    set_local_login(actor=request.user, local_login=request.POST.get("local_login", ""))
    return _back(request, "The change holds for the next sign-in by password.")


def _edit(
    request: ConsoleRequest,
    form: ProviderForm,
    save: Callable[[ProviderFacts], str],
    provider: IdentityProvider | None = None,
) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            return _back(request, save(form.facts()))
        except ChatappError as error:
            form.add_error(None, error.message)
    template = "console/_provider_form.html" if request.htmx else "console/provider.html"
    context = {"tabs": tabs_for(request), "form": form, "provider": provider, "presets": LABELS}
    return render(request, template, context)


def _back(request: ConsoleRequest, said: str) -> HttpResponse:
    messages.success(request, said)
    return go(request, "console_sign_in")
