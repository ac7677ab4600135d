from django.db import models

from chatapp.accounts.models.people import User


class BreakGlassAlarm(models.Model):
    """A named administrator came in by password past single sign-on. Open until another look says that it was meant."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    address = models.GenericIPAddressField(null=True)
    acknowledged_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    acknowledged_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-at", "-id"]
