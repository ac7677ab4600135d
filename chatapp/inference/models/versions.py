"""Ways of answering, what endpoints they have, and what is wrong with them."""

import uuid

from django.conf import settings
from django.db import models

from chatapp.fields import EncryptedTextField


class Provider(models.TextChoices):
    LLAMA_CPP = "llama_cpp"
    OPENAI_COMPATIBLE = "openai_compatible"
    HTTP_JSON = "http_json"
    MODERATION = "moderation"
    SCRIPTED = "scripted"


class VersionState(models.TextChoices):
    """How far a version has come. `draft`: its weights are not here yet, or its endpoint was never reached.

    `evaluated`: it passed a release gate, or was packaged with the product. Only `rejected` and `retired` ones answer
    nobody; what else may get traffic is decided by `services.require_evaluated`.
    """

    DRAFT = "draft"
    VERIFIED = "verified"
    EVALUATED = "evaluated"
    SERVING = "serving"
    RETIRED = "retired"
    REJECTED = "rejected"


PAST_GATE = (VersionState.EVALUATED, VersionState.SERVING)
WITHDRAWN = (VersionState.RETIRED, VersionState.REJECTED)


class ModelVersion(models.Model):
    """One immutable way of answering: weights or external model, context, prompt and sampling defaults.

    Only its state and its card change; `copied_from` is the version that it was cloned of. `sha256`, where nobody knew
    it at the registration, and `facts` are written once, when its weights are found sound: see ADR 23.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    description = models.CharField(max_length=300, blank=True)
    provider = models.CharField(max_length=32, choices=Provider)
    sha256 = models.CharField(max_length=64, blank=True)
    sources = models.JSONField(default=list)
    quantization = models.CharField(max_length=32, blank=True)
    licence = models.CharField(max_length=64, blank=True)
    engine_options = models.JSONField(default=dict, help_text="How weights of our own are computed: EngineOptions.")
    preset = models.CharField(max_length=32, blank=True, help_text="Whose dialect an external endpoint speaks.")
    external_model = models.CharField(max_length=200, blank=True, help_text="Its model id or deployment there.")
    request_options = models.JSONField(
        default=dict, help_text="Time limits, concurrency and mapping of an external one."
    )
    may_leave_company = models.BooleanField(default=False, help_text="Whether text sent to it leaves the company.")
    prompt_price = models.DecimalField(max_digits=12, decimal_places=4, default=0, help_text="Per million tokens.")
    completion_price = models.DecimalField(max_digits=12, decimal_places=4, default=0, help_text="Likewise.")
    context_tokens = models.PositiveIntegerField()
    system_prompt = models.TextField(blank=True)
    sampling = models.JSONField(default=dict)
    chat_template = models.TextField(
        blank=True, default="", db_default="", help_text="Jinja; empty: the one in the weights."
    )
    copied_from = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="copies")
    card = models.TextField(
        blank=True, default="", db_default="", help_text="What it is for, how it was made, where it fails: Markdown."
    )
    facts = models.JSONField(null=True, help_text="What its weights say of themselves: registry.facts.WeightFacts.")
    state = models.CharField(
        max_length=16, choices=VersionState, default=VersionState.DRAFT, db_default=VersionState.DRAFT
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def writes(self) -> bool:
        """Whether it answers; a moderation service only says how harmful texts are, to checks."""
        return self.provider != Provider.MODERATION


class Endpoint(models.Model):
    """One of the addresses where an external version can be reached."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="endpoints")
    url = models.URLField(max_length=500)
    key = EncryptedTextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "url"], name="one_endpoint_per_address")]


class VersionProblem(models.Model):
    """Set while a version cannot answer on a worker, with the reason; removed when it can again."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="problems")
    worker = models.CharField(max_length=200)
    reason = models.CharField(max_length=500)
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "worker"], name="one_problem_per_worker")]


class VersionChange(models.Model):
    """A step of a version's life: who took it (nobody: the product itself), when and why."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="changes")
    before = models.CharField(max_length=16, choices=VersionState)
    after = models.CharField(max_length=16, choices=VersionState)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at", "id"]
