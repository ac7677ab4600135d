"""A search as its user would get it, with why each passage was found or not."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from chatapp.accounts import limits
from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.forms import style_inputs
from chatapp.retrieval import selectors
from chatapp.retrieval.client import lookup_explanation
from chatapp.retrieval.explaining import Explanation
from chatapp.retrieval.search import MAX_QUERY_CHARACTERS

OFFERED_COLLECTIONS = 200


class SearchForm(forms.Form):
    q = forms.CharField(
        max_length=MAX_QUERY_CHARACTERS, label="Question", widget=forms.TextInput(attrs={"type": "search"})
    )
    earlier = forms.CharField(
        max_length=MAX_QUERY_CHARACTERS,
        required=False,
        label="Question before it",
        help_text="As in a conversation: a short question is read together with the one before.",
    )
    collection = forms.ChoiceField(required=False)

    def __init__(self, user: User, data: Any = None) -> None:
        super().__init__(data)
        offered = selectors.list_collections_for(user)[:OFFERED_COLLECTIONS]
        names = [(collection.slug, collection.name) for collection in offered]
        field = cast("forms.ChoiceField", self.fields["collection"])
        field.choices = [("", "All that you may read"), *names]
        style_inputs(self)


@login_required
@require_GET
def knowledge_search(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    if not request.GET.get("q"):
        return _page(request, SearchForm(user))
    form = SearchForm(user, request.GET)
    if slug := request.GET.get("collection"):
        selectors.get_collection_for(user, slug)
    if not form.is_valid():
        return _page(request, form, status=400)
    limits.charge_request(user=user, key=None).require()
    try:
        return _page(request, form, found=_explain(user, form.cleaned_data))
    except ChatappError as error:
        if error.code != "search_unavailable":
            raise
        return _page(request, form, problem=error.message, status=error.status)


def _explain(user: User, asked: dict[str, str]) -> Explanation:
    found = lookup_explanation(
        user=user,
        question=asked["q"],
        earlier=[asked["earlier"]] if asked["earlier"] else [],
        collections=[asked["collection"]] if asked["collection"] else None,
        k=settings.RETRIEVED_PASSAGES,
    )
    return Explanation.from_dict(found)


def _page(request: HttpRequest, form: SearchForm, *, status: int = 200, **context: object) -> HttpResponse:
    return render(request, "retrieval/search.html", {"form": form, **context}, status=status)
