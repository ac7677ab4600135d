"""What a key may be used for: each operation of the API names one of these.

A key without scopes may do what its user may. Scopes only narrow: rights of the user come on top.
"""

SCOPES = {
    "chat": "Ask questions, get their answers at /v1/chat/completions, stop answers",
    "embeddings": "Make embeddings of text",
    "search": "Search documents",
    "models": "See which models and routes may be asked",
    "models:write": "Register versions, change routes",
    "rollouts": "See how versions are rolled out",
    "rollouts:write": "Change how versions are rolled out",
    "workers": "See workers and what they were told to do",
    "workers:write": "Drain workers, load and unload models",
    "alerts": "See alerts of spikes and drift",
    "alerts:write": "Acknowledge alerts",
    "documents:read": "Read collections and documents",
    "documents:write": "Make collections, upload, process again and delete documents",
    "evaluations": "Read how well search finds",
    "evaluations:write": "Start and cancel evaluations of search",
    "conversations:read": "Read conversations, messages and answers",
    "conversations:write": "Rename and delete conversations",
    "feedback": "Rate answers",
    "flags": "Read the review queue",
    "flags:write": "Claim and decide flags",
    "policies": "Read policies",
    "policies:write": "Make and switch policies",
    "usage": "Read usage and cost",
    "budgets": "See budgets and how they stand",
    "budgets:write": "Set and remove budgets",
    "audit": "Read the audit log",
    "users": "Read people, groups and roles",
    "users:write": "Change people, groups and roles",
    "privacy": "Read retention, holds, exports and erasures",
    "privacy:write": "Ask for exports and erasures, change retention and holds",
    "scim": "Provision people and groups (SCIM 2.0)",
}
