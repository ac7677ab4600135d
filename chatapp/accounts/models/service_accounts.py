from django.contrib.auth.models import Group
from django.db import models

from chatapp.accounts.models.people import User


class ServiceAccount(models.Model):
    """Who answers for a user that is a program (`User.is_service`), and what it is for."""

    user = models.OneToOneField(User, primary_key=True, on_delete=models.CASCADE, related_name="service_account")
    purpose = models.CharField(max_length=200)
    owner = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="service_accounts")
    owner_group = models.ForeignKey(Group, null=True, on_delete=models.SET_NULL, related_name="service_accounts")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    @property
    def is_orphaned(self) -> bool:
        """Its owner left, or the owning group is gone: somebody must take it over."""
        return self.owner_group is None and (self.owner is None or not self.owner.is_active)
