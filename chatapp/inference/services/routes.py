from collections.abc import Sequence

from django.db import transaction
from django.db.models import F

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.inference import routing
from chatapp.inference.models import ModelVersion, Route, RouteArm, RouteFallback, RouteRule
from chatapp.inference.selectors import load_route
from chatapp.inference.services.gates import admit, settle_states
from chatapp.inference.services.problems import require_served, retry_version
from chatapp.inference.services.rollout_steps import refuse_while_rolling_out
from chatapp.inference.services.route_plans import RoutePlan, RuleSpec, Share, plan_of, validate_plan
from chatapp.inference.services.states import hold_states, refuse_withdrawn

_OUT_OF_THE_WAY = 10_000


@transaction.atomic
def set_serving_version(
    *, user: User | None, version: ModelVersion, route: str = Route.DEFAULT, override: str = ""
) -> Route:
    """New answers come from it, where neither a rule nor an arm of the route says otherwise; these stay.

    Running answers keep theirs: a version is resolved when a generation is claimed.
    A version that workers have given up is tried again. `override` says why it may serve without a passed gate.
    Raises ChatappError: forbidden, rollout_running, not_evaluated, and invalid when text sent to the version would
    leave the company, no worker can answer with it, or it was rejected or is retired.
    """
    if user is not None:
        require(user, "inference.serve_version", version)
    before = Route.objects.select_for_update(of=("self",)).filter(name=route).select_related("version").first()
    changes = before is None or before.version_id != version.id
    if not routing.allowed(before or Route(name=route), version):
        raise ChatappError("invalid", detail=f"text sent to {version.name} leaves the company; {route} forbids that.")
    if not version.writes:
        raise ChatappError("invalid", detail=f"{version.name} judges texts and answers no questions.")
    if changes:
        hold_states([version, *([before.version] if before else [])])
        _admit_all([version], before, user=user, override=override)
    if before is not None and changes:
        require_served(version)
    after, _ = Route.objects.update_or_create(name=route, defaults={"version": version, "updated_by": user})
    settle_states(user=user, gone=[before.version] if before else [], come=[version])
    retry_version(user=user, version=version)
    if changes:
        detail: dict[str, object] = {"route": route, "from": before.version.name if before else "", "to": version.name}
        record_event(
            actor=user,
            action="inference.version_served",
            obj=version,
            detail=detail,
            before={"version": detail["from"]},
            after={"version": detail["to"]},
        )
    return after


@transaction.atomic
def configure_route(
    *,
    user: User | None,
    name: str,
    version: ModelVersion,
    arms: Sequence[Share] = (),
    rules: Sequence[RuleSpec] = (),
    fallbacks: Sequence[ModelVersion] = (),
    may_leave_company: bool = False,
    safe_answer: str = "",
    description: str = "",
    override: str = "",
) -> Route:
    """The whole route as it shall be from now on, made if there is none of that name; what is not given is empty.

    A share is (version, percent). Questions that wait are answered by the new plan, running answers keep their
    version. `user` is None for the set-up. A version that workers have given up and that is new here is tried again.
    `override` says why the version and those of arms may serve without a passed gate, where these are new here.
    Raises ChatappError: forbidden, rollout_running, not_evaluated; invalid with a sentence, also when no worker can
    answer with a version that is new.
    """
    if user is not None:
        require(user, "inference.serve_version", version)
    plan = RoutePlan(
        name=name,
        version=version,
        arms=arms,
        rules=rules,
        fallbacks=fallbacks,
        may_leave_company=may_leave_company,
        safe_answer=safe_answer,
        description=description,
    )
    validate_plan(plan)
    is_known = Route.objects.select_for_update().filter(name=name).exists()
    before = load_route(name) if is_known else None
    added = _added_versions(plan, before)
    served_before = plan_of(before).served() if before else []
    hold_states([*plan.versions(), *served_before])
    _admit_all([given for given in plan.served() if given not in served_before], before, user=user, override=override)
    for given in added:
        refuse_withdrawn(given)
        require_served(given)
    described, then = plan.describe_change(before), plan_of(before).describe() if before else None
    route, _ = Route.objects.update_or_create(name=name, defaults={**plan.columns(), "updated_by": user})
    _replace_arms(route, plan)
    _replace_rules(route, plan)
    route.fallbacks.all().delete()
    RouteFallback.objects.bulk_create(
        RouteFallback(route=route, position=position, version=given) for position, given in enumerate(fallbacks)
    )
    settle_states(user=user, gone=served_before, come=plan.served())
    for given in added:
        retry_version(user=user, version=given)
    if described:
        record_event(
            actor=user,
            action="inference.route_configured",
            obj=route,
            detail=described,
            before=then,
            after=plan.describe(),
        )
    return load_route(name)


def _admit_all(versions: Sequence[ModelVersion], route: Route | None, *, user: User | None, override: str) -> None:
    if route is not None:
        refuse_while_rolling_out(route)
    for version in versions:
        admit(user=user, version=version, override=override)


def _added_versions(plan: RoutePlan, before: Route | None) -> list[ModelVersion]:
    known = {version.id for version in plan_of(before).versions()} if before else set()
    return list({version.id: version for version in plan.versions() if version.id not in known}.values())


def _replace_arms(route: Route, plan: RoutePlan) -> None:
    route.arms.all().delete()
    RouteArm.objects.bulk_create(
        RouteArm(route=route, version=version, starts_at=starts, ends_at=ends)
        for version, starts, ends in plan.ranges()
    )


def _replace_rules(route: Route, plan: RoutePlan) -> None:
    """A rule whose conditions stay keeps its row, so that it goes on to count for the questions that wait."""
    known = {RuleSpec.of(rule).conditions: rule for rule in route.rules.select_related("version")}
    kept = [known[spec.conditions].id for spec in plan.rules if spec.conditions in known]
    route.rules.exclude(id__in=kept).delete()
    route.rules.update(position=F("position") + _OUT_OF_THE_WAY)  # Positions are unique at every moment.
    for position, spec in enumerate(plan.rules):
        rule = known.get(spec.conditions) or RouteRule(route=route, **spec.columns())
        rule.position, rule.version = position, spec.version
        rule.save()
