import uuid

from django.db import models


class PolicyReport(models.Model):
    """What browsers reported of the content security policy, once for all that are alike. No query string, no text.

    Whoever reaches the product may write it, so it says what to look for and proves nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    directive = models.CharField(max_length=64)
    blocked = models.CharField(max_length=200, blank=True)  # an address or a keyword such as `inline`
    page = models.CharField(max_length=200, blank=True)  # the pattern of the page's address, without ids
    source = models.CharField(max_length=200, blank=True)  # the script and its line
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField(auto_now_add=True)
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["directive", "blocked", "page", "source"], name="policy_report_once"),
        ]
