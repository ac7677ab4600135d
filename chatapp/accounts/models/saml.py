from django.db import models


class SamlAssertion(models.Model):
    """One assertion that was accepted: kept while it is valid, so that it is accepted once, by whatever process.

    Between the provider's POST, which brings no session cookie along, and the browser's next request it also carries
    what the assertion says; then `claims` is emptied.
    """

    provider = models.CharField(max_length=40)
    # SHA-256 of the assertion's ID, which a provider may make as long as it likes.
    digest = models.CharField(max_length=64)
    # The ID of the request that it answers, which only the browser that asked knows.
    in_response_to = models.CharField(max_length=128)
    claims = models.JSONField(default=dict)
    expires_at = models.DateTimeField(db_index=True)
    taken_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "digest"], name="assertion_seen_once"),
            models.UniqueConstraint(fields=["provider", "in_response_to"], name="request_answered_once"),
        ]
