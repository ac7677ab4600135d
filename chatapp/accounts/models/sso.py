import uuid

from django.db import models

from chatapp.accounts.devices import name_device
from chatapp.accounts.models.people import User
from chatapp.fields import EncryptedTextField


class ProviderKind(models.TextChoices):
    OIDC = "oidc", "OpenID Connect"
    SAML = "saml", "SAML 2.0"


class IdentityProvider(models.Model):
    """A place that vouches for people. Its `slug` is part of their identity and never passes to another one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=40, unique=True)
    kind = models.CharField(max_length=8, choices=ProviderKind)
    name = models.CharField(max_length=100)
    # The issuer of OpenID Connect; where the metadata of SAML lies, unless `metadata` holds it.
    url = models.CharField(max_length=500, blank=True)
    metadata = models.TextField(blank=True)
    client_id = models.CharField(max_length=300, blank=True)
    secret = EncryptedTextField(blank=True, default="")
    # A claim or attribute; dots lead into nested claims (`realm_access.roles`).
    groups_claim = models.CharField(max_length=200, default="groups")
    # SAML: what names the person, when it is not the NameID; and the format of the NameID that is asked for.
    subject_attribute = models.CharField(max_length=200, blank=True)
    nameid_format = models.CharField(max_length=100, blank=True)
    # Signing out here signs out there too.
    ends_provider_session = models.BooleanField(default=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "slug"]

    @property
    def is_of_settings(self) -> bool:
        """It stands in the environment, not in the database."""
        return self._state.adding


class SignInPolicy(models.Model):
    """The one row of what holds for all sign-ins."""

    class LocalLogin(models.TextChoices):
        EVERYONE = "everyone", "Everyone with a password"
        BREAK_GLASS_ONLY = "break_glass_only", "Named break-glass administrators only"

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    local_login = models.CharField(max_length=20, choices=LocalLogin, default=LocalLogin.EVERYONE)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_sign_in_policy")]


class SignIn(models.Model):
    """One session of one user, from the sign-in to its end; the row goes with the session."""

    class Method(models.TextChoices):
        LOCAL = "local", "Password"
        OIDC = "oidc", "OpenID Connect"
        SAML = "saml", "SAML 2.0"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_ins")
    session_key = models.CharField(max_length=40, unique=True)
    method = models.CharField(max_length=8, choices=Method, default=Method.LOCAL)
    provider = models.CharField(max_length=40, blank=True)
    subject = models.CharField(max_length=255, blank=True)
    # What the provider calls its session: `sid` of OpenID Connect, SessionIndex of SAML.
    sid = models.CharField(max_length=255, blank=True)
    # The provider asks for it back when somebody signs out.
    id_token = EncryptedTextField(blank=True, default="")
    address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=200, blank=True)
    started_at = models.DateTimeField()
    # To the minute: a busy session costs no write per request.
    last_seen_at = models.DateTimeField()

    class Meta:
        ordering = ["-last_seen_at", "-id"]
        indexes = [models.Index(fields=["provider", "subject"], name="sign_in_of_subject")]

    @property
    def device(self) -> str:
        return name_device(self.user_agent)
