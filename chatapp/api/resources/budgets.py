from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from ninja import Field, Query, Router, Schema
from ninja.responses import Status
from pydantic import ConfigDict

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.inference.budgets.selectors import BudgetLine, get_budget_for, lines_of, list_budgets_for
from chatapp.inference.budgets.services import BudgetPlace, remove_budget, set_budget
from chatapp.inference.models import Budget, BudgetPeriod, BudgetSubject, BudgetUnit

router = Router(tags=["operations"], auth=BearerKey("budgets", "budgets:write", permission="inference.manage_budgets"))


class BudgetIn(Schema):
    """One of the two limits may be left out. The budget of the same subject, name, unit and period is replaced."""

    model_config = ConfigDict(extra="forbid")

    subject: BudgetSubject
    name: str = Field("", max_length=150, description="Of the user or the group; empty for everyone.")
    unit: BudgetUnit
    period: BudgetPeriod
    soft: Decimal | None = Field(None, gt=0, description="From here on people are told.")
    hard: Decimal | None = Field(None, gt=0, description="From here on their questions are refused.")
    contact: str = Field("", max_length=100, description="Whom people are told to ask for more.")
    note: str = Field("", max_length=300)


class StandingOut(Schema):
    """What was spent since the period began, of a person or of a group's members together."""

    user: UUID | None
    spent: Decimal
    percent: int = Field(description="Of the hard limit, else of the soft one.")
    reached: str | None = Field(description="soft, hard or null.")
    since: date
    until: datetime


class BudgetOut(BudgetIn):
    id: UUID
    created_at: datetime
    standings: list[StandingOut] = Field(description="For everyone: those who reached a limit, else who used the most.")


def shape(line: BudgetLine) -> BudgetOut:
    budget = line.budget
    return BudgetOut(
        id=budget.pk,
        subject=BudgetSubject(budget.subject),
        name=budget.subject_name,
        unit=BudgetUnit(budget.unit),
        period=BudgetPeriod(budget.period),
        soft=budget.soft,
        hard=budget.hard,
        contact=budget.contact,
        note=budget.note,
        created_at=budget.created_at,
        standings=[
            StandingOut(
                user=one.user_id,
                spent=one.spent,
                percent=one.percent,
                reached=one.level and one.level.value,
                since=one.period.starts_on,
                until=one.period.ends_at,
            )
            for one in line.standings
        ],
    )


@router.get("", response=Page[BudgetOut])
def list_budgets(request: ApiRequest, query: Query[ListQuery]) -> Page[BudgetOut]:
    page = page_of(list_budgets_for(request.auth), query, lambda budget: budget)
    lines = {line.budget.pk: shape(line) for line in lines_of(page.items)}
    return Page[BudgetOut](items=[lines[budget.pk] for budget in page.items], next=page.next)


@router.get("/{uuid:budget_id}", response=BudgetOut)
def get_budget(request: ApiRequest, budget_id: UUID) -> BudgetOut:
    return _shown(get_budget_for(request.auth, budget_id))


@router.put("", response=BudgetOut)
def put_budget(request: ApiRequest, body: BudgetIn) -> BudgetOut:
    place = BudgetPlace(subject=body.subject, unit=body.unit, period=body.period, name=body.name)
    budget = set_budget(
        actor=request.auth, place=place, soft=body.soft, hard=body.hard, contact=body.contact, note=body.note
    )
    return _shown(get_budget_for(request.auth, budget.pk))


@router.delete("/{uuid:budget_id}", response={204: None})
def delete_budget(request: ApiRequest, budget_id: UUID) -> Status[Any]:
    remove_budget(actor=request.auth, budget=get_budget_for(request.auth, budget_id))
    return Status(204, None)


def _shown(budget: Budget) -> BudgetOut:
    return shape(lines_of([budget])[0])
