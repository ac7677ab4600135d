from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.budget_form import BudgetForm, fields_of
from chatapp.errors import ChatappError
from chatapp.inference.budgets.selectors import get_budget_for, list_budget_notices_for, list_lines_for
from chatapp.inference.budgets.services import remove_budget, set_budget


@require_http_methods(["GET", "POST"])
@console_page("inference.manage_budgets")
def list_budgets(request: ConsoleRequest) -> HttpResponse:
    form = BudgetForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            budget = set_budget(actor=request.user, **form.arguments())
        except ChatappError as error:
            if error.status != 400:
                raise
            form.add_error(None, error.message)
        else:
            return redirect(f"{reverse('console_budgets')}?set={budget.pk}")
    return _page(request, form=form, saved=request.GET.get("set", ""), status=400 if form.errors else 200)


@require_http_methods(["GET"])
@console_page("inference.manage_budgets")
def edit_budget(request: ConsoleRequest, budget_id: UUID) -> HttpResponse:
    budget = get_budget_for(request.user, budget_id)
    return _page(request, form=BudgetForm(initial=fields_of(budget)), edited=budget)


@require_POST
@console_page("inference.manage_budgets")
def remove(request: ConsoleRequest, budget_id: UUID) -> HttpResponse:
    remove_budget(actor=request.user, budget=get_budget_for(request.user, budget_id))
    if not request.htmx:
        return redirect("console_budgets")
    return _page(request, template="console/_budgets.html", said="The budget is removed.")


def _page(
    request: ConsoleRequest, *, template: str = "console/budgets.html", status: int = 200, **context: object
) -> HttpResponse:
    lines, notices = list_lines_for(request.user), list_budget_notices_for(request.user)
    shown = {"tabs": tabs_for(request), "lines": lines, "notices": notices}
    return render(request, template, {**shown, **context}, status=status)
