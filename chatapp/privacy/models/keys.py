from django.db import models
from django.db.models import Q


class DataKey(models.Model):
    """A 256-bit key that encrypts columns, itself encrypted ("wrapped") by one of FIELD_ENCRYPTION_KEYS."""

    id = models.CharField(primary_key=True, max_length=12, editable=False)
    purpose = models.CharField(max_length=16)
    wrapped = models.CharField(max_length=200)
    wrapped_by = models.CharField(max_length=12, help_text="Which of FIELD_ENCRYPTION_KEYS, by its fingerprint.")
    is_active = models.BooleanField(default=True, help_text="New text is encrypted with it.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["purpose"], condition=Q(is_active=True), name="one_active_key_per_purpose")
        ]
