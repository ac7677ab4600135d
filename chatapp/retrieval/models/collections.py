import uuid

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models


class AccessRole(models.TextChoices):
    READER = "reader"
    EDITOR = "editor"
    OWNER = "owner"


class Collection(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    groups = models.ManyToManyField(Group, through="CollectionAccess", related_name="collections")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    chunk_characters = models.PositiveIntegerField(default=700, help_text="The longest passage.")
    chunk_overlap = models.PositiveIntegerField(default=0, help_text="Characters that neighbours share.")
    deleted_at = models.DateTimeField(null=True, help_text="Nobody sees it any more; what it held is being removed.")

    def __str__(self) -> str:
        return self.name


class CollectionAccess(models.Model):
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="access")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=16, choices=AccessRole)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "group"], name="one_role_per_group")]
