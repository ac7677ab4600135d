import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models

from chatapp.accounts.models.people import User


class ApiKey(models.Model):
    """A bearer key, stored as a SHA-256 digest (the key itself has 256 random bits, so no salt or stretching)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    read_only = models.BooleanField(default=False)
    scopes = ArrayField(models.CharField(max_length=32), default=list, help_text="Empty: all of accounts.scopes.")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    requests_per_minute = models.PositiveIntegerField(null=True, help_text="Null: those of its user.")
    tokens_per_day = models.PositiveBigIntegerField(null=True, help_text="Null: those of its user.")
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    last_used_from = models.CharField(max_length=45, blank=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)


class ApiKeyUsage(models.Model):
    """Tokens that a key used on one day (UTC)."""

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="usage")
    day = models.DateField()
    tokens = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "day"], name="one_usage_per_key_and_day")]
