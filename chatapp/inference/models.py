import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from chatapp.fields import EncryptedTextField


class Provider(models.TextChoices):
    LLAMA_CPP = "llama_cpp"
    OPENAI_COMPATIBLE = "openai_compatible"
    HTTP_JSON = "http_json"
    MODERATION = "moderation"
    SCRIPTED = "scripted"


class ModelVersion(models.Model):
    """One immutable way of answering: weights or external model, context, prompt and sampling defaults."""

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


class Route(models.Model):
    """A name that callers ask for. `version` answers new questions unless a rule or an arm takes them.

    A route whose data may not leave the company never uses a version to which text leaves, whatever its rules,
    arms and fallbacks say.
    """

    DEFAULT = "default"

    name = models.CharField(max_length=64, primary_key=True)
    description = models.CharField(max_length=300, blank=True)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="routes")
    may_leave_company = models.BooleanField(default=False)
    safe_answer = models.CharField(max_length=1000, blank=True, help_text="Shown when no version can answer.")
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")


class RouteArm(models.Model):
    """A version that takes a share of a route's users: those whose draw, 0 to 9,999, is in [starts_at, ends_at)."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="arms")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    starts_at = models.PositiveSmallIntegerField()
    ends_at = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["route", "version"], name="one_arm_per_version"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at"), ends_at__lte=10_000), name="arm_is_a_range"),
        ]


class Task(models.TextChoices):
    CHAT = "chat"
    TITLE = "title"
    SUMMARY = "summary"
    JUDGE = "judge"


class RouteRule(models.Model):
    """Sends what meets all its conditions to `version`; the first rule that matches counts. Empty: no condition."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="rules")
    position = models.PositiveSmallIntegerField()
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    task = models.CharField(max_length=16, choices=Task, blank=True)
    collection = models.CharField(max_length=64, blank=True, help_text="Slug: the question is asked of it.")
    language = models.CharField(max_length=8, blank=True, help_text="ISO 639-1 code of the question.")
    choice = models.CharField(max_length=32, blank=True, help_text="What the user chose, such as fast.")
    min_characters = models.PositiveIntegerField(null=True)
    max_characters = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["route", "position"], name="one_rule_per_position")]


class RouteFallback(models.Model):
    """Which version answers, in order of position, when the chosen one cannot."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="fallbacks")
    position = models.PositiveSmallIntegerField()
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["route", "position"], name="one_fallback_per_position")]


class WorkerKind(models.TextChoices):
    INFERENCE = "inference"
    PIPELINE = "pipeline"


class Worker(models.Model):
    """What a worker process said of itself last; it counts as alive while `seen_at` is recent."""

    name = models.CharField(max_length=200, primary_key=True)
    kind = models.CharField(max_length=16, choices=WorkerKind)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ready = models.BooleanField(default=False)
    slots = models.PositiveSmallIntegerField(default=0)
    busy = models.PositiveSmallIntegerField(default=0)
    loaded = models.ManyToManyField(ModelVersion, related_name="workers")
    serves = models.ManyToManyField(
        ModelVersion, related_name="serving_workers", help_text="Can answer, loaded or not."
    )
    loading = models.ManyToManyField(ModelVersion, related_name="loading_workers", help_text="Is being loaded.")
    problem = models.CharField(max_length=500, blank=True)


class AnswerOutcome(models.Model):
    """What became of one answer, as rollouts and usage judge it. Written once, after the terminal commit."""

    generation_id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.SET_NULL, related_name="outcomes")
    status = models.CharField(max_length=16)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    first_token_seconds = models.FloatField(null=True)
    duration_seconds = models.FloatField(null=True)
    sources = models.PositiveSmallIntegerField(default=0)
    cited = models.PositiveSmallIntegerField(default=0)
    flags = models.PositiveSmallIntegerField(default=0)
    thumb = models.SmallIntegerField(
        default=0, db_default=0, help_text="What the employee thinks of it: -1, 0 (nothing said) or 1."
    )
    is_fallback = models.BooleanField(default=False)
    is_cached = models.BooleanField(default=False)
    cost = models.DecimalField(max_digits=14, decimal_places=6, default=0, help_text="By the version's prices.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        indexes = [
            models.Index(fields=["user", "created_at"], name="outcome_of_user"),
            models.Index(fields=["version", "created_at"], name="outcome_of_version"),
        ]


class SideWork(models.Model):
    """A title, summary or judgement that a model wrote: no answer, but its tokens are used and paid likewise."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.SET_NULL, related_name="+")
    task = models.CharField(max_length=16, choices=Task)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=14, decimal_places=6, default=0, help_text="By the version's prices.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
