"""The product's own resources: each module is one router of parse → selector or service → shape."""

from ninja import Router

from chatapp.api.resources import (
    audit,
    budgets,
    collections,
    comparisons,
    connectors,
    conversations,
    documents,
    evaluations,
    feedback,
    flags,
    generations,
    messages,
    model_versions,
    policies,
    rollouts,
    routes,
    search,
    usage,
    users,
)

ROUTERS: dict[str, Router] = {
    "/collections": collections.router,
    "/connectors": connectors.router,
    "/documents": documents.router,
    "/evaluations": evaluations.router,
    "/search": search.router,
    "/conversations": conversations.router,
    "/messages": messages.router,
    "/generations": generations.router,
    "/feedback": feedback.router,
    "/flags": flags.router,
    "/policies": policies.router,
    "/model-versions": model_versions.router,
    "/routes": routes.router,
    "/rollouts": rollouts.router,
    "/comparisons": comparisons.router,
    "/usage": usage.router,
    "/budgets": budgets.router,
    "/audit": audit.router,
    "/users": users.router,
}
