from chatapp.accounts.models import Role
from chatapp.accounts.permissions import grant

grant("moderation.review_flag", "Review flagged exchanges", Role.REVIEWER, Role.ADMINISTRATOR)
grant("moderation.decide_escalated", "Decide escalated flags, and undo others' decisions", Role.ADMINISTRATOR)
grant("moderation.unmask", "Show personal data in flagged exchanges", Role.REVIEWER, Role.ADMINISTRATOR)
grant("moderation.view_policy", "See policies", Role.REVIEWER, Role.AUDITOR, Role.ADMINISTRATOR)
grant("moderation.manage_policy", "Make policies and switch them", Role.ADMINISTRATOR)
grant(
    "moderation.triage_feedback",
    "Read feedback on answers and act on it",
    Role.REVIEWER,
    Role.MODEL_OPERATOR,
    Role.ADMINISTRATOR,
)
grant("moderation.export_feedback", "Export rated answers, masked", Role.MODEL_OPERATOR, Role.ADMINISTRATOR)
