"""Golden questions and evaluations of a collection, for its editors. To a reader they are forbidden."""

import csv
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.errors import ChatappError
from chatapp.retrieval import selectors, services
from chatapp.retrieval.evaluation.files import LineError, read_questions, write_questions
from chatapp.retrieval.evaluation.pages import compare_page, evaluation_page, run_page
from chatapp.retrieval.forms import parse_number
from chatapp.retrieval.models import Collection, Evaluation
from chatapp.retrieval.question_forms import QuestionForm, read_upload
from chatapp.retrieval.views.leaving import leave_for


@login_required
@require_GET
def evaluation(request: HttpRequest, slug: str) -> HttpResponse:
    _, found = _edited(request, slug)
    return _page(request, found)


@login_required
@require_POST
def add_golden_question(request: HttpRequest, slug: str) -> HttpResponse:
    user, found = _edited(request, slug)
    form = QuestionForm(request.POST)
    if form.is_valid():
        try:
            services.add_golden_question(
                user=user,
                collection=found,
                text=form.cleaned_data["text"],
                sources=form.expected(),
                facts=form.facts_given(),
            )
        except ChatappError as error:
            form.add_error(None, error.message)
        else:
            messages.info(request, "The question is added.")
            return redirect("evaluation", found.slug)
    return _page(request, found, form=form, status=400)


@login_required
@require_POST
def import_golden_questions(request: HttpRequest, slug: str) -> HttpResponse:
    user, found = _edited(request, slug)
    try:
        rows = read_questions(read_upload(request))
        count, problems = services.import_golden_questions(user=user, collection=found, rows=rows)
    except ChatappError as error:
        count, problems = 0, [LineError(0, error.message)]
    if problems:
        return _page(request, found, problems=problems, status=400)
    messages.info(request, f"{count} question{'' if count == 1 else 's'} imported.")
    return redirect("evaluation", found.slug)


@login_required
@require_GET
def export_golden_questions(request: HttpRequest, slug: str) -> HttpResponse:
    user, found = _edited(request, slug)
    name = f"questions-{found.slug}-{timezone.localdate()}.csv"
    response = HttpResponse(
        content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
    csv.writer(response).writerows(write_questions(selectors.list_golden_questions_for(user, found)))
    return response


@login_required
@require_http_methods(["GET", "POST"])
def golden_question(request: HttpRequest, question_id: UUID) -> HttpResponse:
    user = cast("User", request.user)
    question = selectors.get_golden_question_for(user, question_id)
    form = QuestionForm(request.POST if request.method == "POST" else None, question=question)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            services.change_golden_question(
                user=user,
                question=question,
                text=data["text"],
                sources=form.expected(),
                facts=form.facts_given(),
                is_active=data["is_active"],
            )
        except ChatappError as error:
            form.add_error(None, error.message)
        else:
            messages.info(request, "The question is saved.")
            return redirect("evaluation", question.collection.slug)
    context = {**evaluation_page(user, question.collection), "question": question, "form": form}
    return render(request, "retrieval/golden_question.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def delete_golden_question(request: HttpRequest, question_id: UUID) -> HttpResponse:
    user = cast("User", request.user)
    question = selectors.get_golden_question_for(user, question_id)
    services.delete_golden_question(user=user, question=question)
    messages.info(request, "The question is deleted. Earlier evaluations keep their figures.")
    return leave_for(request, "evaluation", question.collection.slug)


@login_required
@require_POST
def run_evaluation(request: HttpRequest, slug: str) -> HttpResponse:
    user, found = _edited(request, slug)
    index = selectors.get_whole_index(parse_number(request.POST.get("index")))
    started = services.run_evaluation(collection=found, index=index, actor=user)
    return leave_for(request, "evaluation_run", started.pk)


@login_required
@require_GET
def evaluation_run(request: HttpRequest, evaluation_id: UUID) -> HttpResponse:
    """Asked by htmx while it runs: only what changes."""
    user = cast("User", request.user)
    found = selectors.get_evaluation_for(user, evaluation_id)
    page, is_short = parse_number(request.GET.get("page")) or 1, request.GET.get("show") == "wrong"
    template = "_evaluation_run.html" if getattr(request, "htmx", False) else "evaluation_run.html"
    return render(request, f"retrieval/{template}", run_page(user, found, page=page, only_wrong=is_short))


@login_required
@require_POST
def cancel_evaluation(request: HttpRequest, evaluation_id: UUID) -> HttpResponse:
    user = cast("User", request.user)
    found = selectors.get_evaluation_for(user, evaluation_id)
    services.cancel_evaluation(user=user, evaluation=found)
    return leave_for(request, "evaluation_run", found.pk)


@login_required
@require_GET
def compare_evaluations(request: HttpRequest, slug: str) -> HttpResponse:
    user, found = _edited(request, slug)
    if not request.GET:
        return redirect("evaluation", found.slug)
    before, after = (_evaluation_named(user, found, request.GET.get(name)) for name in ("before", "after"))
    return render(request, "retrieval/evaluation_comparison.html", compare_page(user, found, before, after))


def _evaluation_named(user: User, collection: Collection, value: str | None) -> Evaluation:
    """Raises ChatappError("not_found")."""
    try:
        found = selectors.get_evaluation_for(user, UUID(value or ""))
    except ValueError:
        raise ChatappError("not_found") from None
    if found.collection_id != collection.pk:
        raise ChatappError("not_found")
    return found


def _edited(request: HttpRequest, slug: str) -> tuple[User, Collection]:
    """Raises ChatappError: not_found for strangers, forbidden for readers."""
    user = cast("User", request.user)
    found = selectors.get_collection_for(user, slug)
    require(user, "retrieval.evaluate_collection", found)
    return user, found


def _page(
    request: HttpRequest,
    found: Collection,
    *,
    form: QuestionForm | None = None,
    problems: list[LineError] | None = None,
    status: int = 200,
) -> HttpResponse:
    page = parse_number(request.GET.get("page")) or 1
    context = evaluation_page(cast("User", request.user), found, page=page)
    context |= {"form": form or QuestionForm(), "problems": problems or []}
    return render(request, "retrieval/evaluation.html", context, status=status)
