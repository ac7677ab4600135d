from django.urls import path

from chatapp.console.views import budgets

urlpatterns = [
    path("", budgets.list_budgets, name="console_budgets"),
    path("<uuid:budget_id>/", budgets.edit_budget, name="console_budget"),
    path("<uuid:budget_id>/remove/", budgets.remove, name="console_budget_remove"),
]
