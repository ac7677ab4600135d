"""Settings: production values that fail closed; the environment and the running instance supply the rest.

Every variable read here is described in docs/configuration.md (a test compares the two).
"""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from chatapp.accounts.sso.configured import read_providers
from chatapp.environment import Env
from chatapp.runtime.files import home
from chatapp.runtime.instance import read_instance

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()
# What workers say they run, so that a fleet in the middle of a deploy can be told apart.
RELEASE = env.str("RELEASE", default="0.1.0")
instance = read_instance()
HOME = home()


def required(name: str, found: str | None) -> str:
    value: str = env.str(name, default=found or "")
    if not value:
        message = f"{name} is not set and no instance runs in {HOME}. Start one with `make run` or set it."
        raise ImproperlyConfigured(message)
    return value


SECRET_KEY = required("SECRET_KEY", instance.secret_key if instance else None)
DATABASE_URL = required("DATABASE_URL", instance.database_url if instance else None)
REDIS_URL = required("REDIS_URL", instance.redis_url if instance else None)
DEBUG = False
# A path of a shared host below which all of it is served: /chatapp
ROOT_PATH = env.str("ROOT_PATH", default="").rstrip("/")
if ROOT_PATH and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", ROOT_PATH):
    raise ImproperlyConfigured("ROOT_PATH is a path such as /chatapp.")
FORCE_SCRIPT_NAME = ROOT_PATH or None
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Off only for plain http on loopback, which is what `make run` serves.
HTTPS = env.bool("HTTPS", default=instance is None)
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.socialaccount.providers.saml",
    "axes",
    "csp",
    "django_htmx",
    "django_prometheus",
    "rules.apps.AutodiscoverRulesConfig",
    "chatapp.accounts",
    "chatapp.inference",
    "chatapp.retrieval",
    "chatapp.moderation",
    "chatapp.conversations",
    "chatapp.evaluation",
    "chatapp.privacy",
    "chatapp.api",
    "chatapp.console",
    "chatapp.demo",
]
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "chatapp.headers.HeadersMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "chatapp.accounts.sessions.SessionAgeMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "chatapp.accounts.middleware.AuditMiddleware",
    "chatapp.api.rate_limits.RateLimitMiddleware",
    "chatapp.middleware.ErrorMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
ROOT_URLCONF = "chatapp.urls"
ASGI_APPLICATION = "chatapp.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "chatapp.accounts.context_processors.navigation",
                "chatapp.accounts.context_processors.alarms",
            ],
        },
    },
]

DATABASES: dict[str, dict[str, Any]] = {"default": env.db_url_config(DATABASE_URL)}
DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
    "min_size": 1,
    "max_size": env.int("DATABASE_POOL", default=12),
    "timeout": 5,  # Then the request is refused with Retry-After; see chatapp.database.
    "reconnect_timeout": 2,  # Then whoever asks next tries at once; else the pauses grow to minutes.
}
# A server that is gone without a word, as after a failover, is found out in seconds.
DATABASES["default"]["OPTIONS"] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    **DATABASES["default"]["OPTIONS"],
}
# After a restart of PostgreSQL the pool holds connections to the old one: they are found before they are used.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
# redis-py's default socket timeout of 5 s would cut every idle channel-layer socket.
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "chatapp.channel_layer.PatientChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None, "socket_connect_timeout": 1}]},
    },
}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": HOME / "files"}},
    "staticfiles": {"BACKEND": "chatapp.static_storage.HashedStaticFilesStorage"},
}
STATIC_URL = f"{ROOT_PATH}/static/"
STATIC_ROOT = HOME / "static"
# Only what this repository holds is served; packages bring files that no page of ours uses.
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
STATICFILES_DIRS = [BASE_DIR / "static"]

# Identity
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "rules.permissions.ObjectPermissionBackend",
    "chatapp.accounts.backends.PasswordBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "chat"
ACCOUNT_ADAPTER = "chatapp.accounts.adapters.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "chatapp.accounts.adapters.SocialAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
# Failed passwords are counted by django-axes in the database; allauth would need the cache for it.
ACCOUNT_RATE_LIMITS = False
LOGIN_FAILURES_PER_NAME = env.within("LOGIN_FAILURES_PER_NAME", default=10, least=1)
LOGIN_FAILURES_PER_ADDRESS = env.within("LOGIN_FAILURES_PER_ADDRESS", default=100, least=1)
LOGIN_LOCKOUT_MINUTES = env.within("LOGIN_LOCKOUT_MINUTES", default=15, least=1)
AXES_HANDLER = "chatapp.accounts.lockout.LockoutHandler"
AXES_LOCKOUT_PARAMETERS = ["username", "ip_address"]
AXES_USERNAME_CALLABLE = "chatapp.accounts.lockout.name_of_attempt"
AXES_CLIENT_IP_CALLABLE = "chatapp.accounts.lockout.address_of_attempt"
AXES_COOLOFF_TIME = "chatapp.accounts.lockout.cool_off"
AXES_FAILURE_LIMIT = "chatapp.accounts.lockout.failure_limit"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "login", "password", "next", "csrfmiddlewaretoken", "ip_address"]
# Its middleware would answer who is locked out differently from who is wrong.
SILENCED_SYSTEM_CHECKS = ["axes.W002"]
ALARM_WEBHOOK_URL = env.str("ALARM_WEBHOOK_URL", default="")
if ALARM_WEBHOOK_URL and not ALARM_WEBHOOK_URL.startswith("https://" if HTTPS else ("https://", "http://")):
    raise ImproperlyConfigured("ALARM_WEBHOOK_URL starts with https://.")
SOCIALACCOUNT_AUTO_SIGNUP = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
# Hosts of identity providers inside the company, whose addresses are private ones.
SSO_PRIVATE_HOSTS = {host.lower() for host in env.list("SSO_PRIVATE_HOSTS", default=[])}
OIDC_ISSUER = env.str("OIDC_ISSUER", default="")
if OIDC_ISSUER:
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "sso",
                "name": env.str("OIDC_NAME", default="Single sign-on"),
                "client_id": env.str("OIDC_CLIENT_ID"),
                "secret": env.str("OIDC_CLIENT_SECRET"),
                "settings": {
                    "server_url": OIDC_ISSUER,
                    "uid_field": "sub",
                    "groups_claim": env.str("OIDC_GROUPS_CLAIM", default="groups"),
                },
            },
        ],
    }
SAML_METADATA_FILE = env.str("SAML_METADATA_FILE", default="")
SAML_METADATA_URL = f"file://{SAML_METADATA_FILE}" if SAML_METADATA_FILE else env.str("SAML_METADATA_URL", default="")
# With a key of our own requests are signed, and assertions may come encrypted.
SAML_SP_CERTIFICATE = env.str("SAML_SP_CERTIFICATE", default="")
SAML_SP_PRIVATE_KEY = env.str("SAML_SP_PRIVATE_KEY", default="")
SAML_IDP_INITIATED = env.bool("SAML_IDP_INITIATED", default=False)
if SAML_METADATA_URL:
    SOCIALACCOUNT_PROVIDERS["saml"] = {
        "APPS": [
            {
                "provider_id": "saml",
                "client_id": "saml",
                "name": env.str("SAML_NAME", default="Single sign-on"),
                "settings": {
                    "server_url": SAML_METADATA_URL,
                    "groups_claim": env.str("SAML_GROUPS_ATTRIBUTE", default="groups"),
                    "subject_attribute": env.str("SAML_SUBJECT_ATTRIBUTE", default=""),
                    "nameid_format": env.str("SAML_NAMEID_FORMAT", default=""),
                },
            },
        ],
    }
# Further ones, and any number of them.
for kind, app in read_providers(env.str("SSO_PROVIDERS_FILE", default=""), taken={"sso", "saml"}):
    SOCIALACCOUNT_PROVIDERS.setdefault(kind, {}).setdefault("APPS", []).append(app)

# Transport and content security
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_REDIRECT_EXEMPT = [rf"^{ROOT_PATH.lstrip('/')}/?(livez|readyz|metrics)$"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
if HTTPS:  # By these names browsers take them from this very host only, and only encrypted.
    _prefix = "__Secure-" if ROOT_PATH else "__Host-"
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{_prefix}session", f"{_prefix}csrf"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = f"{ROOT_PATH}/"
SESSION_ABSOLUTE_SECONDS = env.int("SESSION_SECONDS", default=12 * 3600)
SESSION_IDLE_SECONDS = env.int("SESSION_IDLE_SECONDS", default=2 * 3600)
# The server tells the age of a session; a cookie that is left over says by which provider somebody may come back.
SESSION_COOKIE_AGE = SESSION_ABSOLUTE_SECONDS + 3 * 24 * 3600
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        # A form leads to a provider only where it takes nothing but POST: chatapp/accounts/sso/leaving.py.
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        # Only static/js/trusted.js makes HTML of text (ADR 16).
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["chatapp"],
    },
}
# Encryption of text at rest: blocked text always, message text while ENCRYPT_MESSAGES is on. First key wraps.
FIELD_ENCRYPTION_KEYS = required(
    "FIELD_ENCRYPTION_KEYS",
    ",".join(instance.field_encryption_keys) if instance else None,
).split(",")
ENCRYPT_MESSAGES = env.bool("ENCRYPT_MESSAGES", default=True)
# A temporary chat is deleted when its owner ends it, or after these hours; 0: there are none.
TEMPORARY_CHAT_HOURS = env.int("TEMPORARY_CHAT_HOURS", default=24)
EXPORT_DAYS = env.int("EXPORT_DAYS", default=7)
ERASURE_COOLING_OFF_HOURS = env.int("ERASURE_COOLING_OFF_HOURS", default=72)
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# Limits
MESSAGE_MAX_CHARACTERS = env.int("MESSAGE_MAX_CHARACTERS", default=32_000)
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=25 * 1024 * 1024)
COLLECTION_MAX_DOCUMENTS = env.int("COLLECTION_MAX_DOCUMENTS", default=10_000)
UPLOAD_MAX_FILES = DATA_UPLOAD_MAX_NUMBER_FILES = env.int("UPLOAD_MAX_FILES", default=100)
# Text recognition is on where the `tesseract` binary is found, unless this says off.
OCR = env.str("OCR", default="auto").lower()
OCR_LANGUAGES = env.list("OCR_LANGUAGES", default=["eng"])
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
QUEUE_MAX_GENERATIONS = env.int("QUEUE_MAX_GENERATIONS", default=500)
USER_MAX_QUEUED = env.int("USER_MAX_QUEUED", default=20)
CONVERSATION_MAX_QUEUED = env.int("CONVERSATION_MAX_QUEUED", default=3)
REQUESTS_PER_MINUTE = env.within("REQUESTS_PER_MINUTE", default=600, least=1)
TOKENS_PER_DAY = env.within("TOKENS_PER_DAY", default=0, least=0)
API_KEY_DAYS = env.int("API_KEY_DAYS", default=90)
API_KEY_MAX_DAYS = env.int("API_KEY_MAX_DAYS", default=365)
if not 1 <= API_KEY_DAYS <= API_KEY_MAX_DAYS:
    raise ImproperlyConfigured("API_KEY_DAYS is between 1 and API_KEY_MAX_DAYS.")
USER_CONCURRENT_ANSWERS = env.within("USER_CONCURRENT_ANSWERS", default=4, least=1)
# Hours in which a flag of that severity shall be decided; from which severity on two reviewers decide ("": never).
FLAG_DUE_HOURS = {
    "high": env.within("FLAG_DUE_HOURS_HIGH", default=4, least=1),
    "medium": env.within("FLAG_DUE_HOURS_MEDIUM", default=24, least=1),
    "low": env.within("FLAG_DUE_HOURS_LOW", default=72, least=1),
}
SECOND_REVIEW_SEVERITY = env.str("SECOND_REVIEW_SEVERITY", default="high")
if SECOND_REVIEW_SEVERITY not in {"", *FLAG_DUE_HOURS}:
    raise ImproperlyConfigured("SECOND_REVIEW_SEVERITY is high, medium, low or empty.")
FLAG_SAMPLE_SHARE = env.within("FLAG_SAMPLE_SHARE", default=0.0, least=0, most=1)
SOCKETS_PER_USER = env.int("SOCKETS_PER_USER", default=50)
SOCKETS_PER_ADDRESS = env.int("SOCKETS_PER_ADDRESS", default=2000)
SOCKET_FRAMES_PER_SECOND = env.int("SOCKET_FRAMES_PER_SECOND", default=50)
ANSWER_MAX_TOKENS = env.int("ANSWER_MAX_TOKENS", default=1024)
ANSWER_DEADLINE_SECONDS = env.int("ANSWER_DEADLINE_SECONDS", default=900)
LEASE_SECONDS = env.int("LEASE_SECONDS", default=10)
DRAIN_SECONDS = env.int("DRAIN_SECONDS", default=6)
DATABASE_PATIENCE_SECONDS = env.int("DATABASE_PATIENCE_SECONDS", default=60)

# Alerts: by which server mail goes, and which hosts inside the network webhooks may reach.
EMAIL_HOST = env.str("MAIL_HOST", default="")
EMAIL_PORT = env.int("MAIL_PORT", default=587)
EMAIL_HOST_USER = env.str("MAIL_USER", default="")
EMAIL_HOST_PASSWORD = env.str("MAIL_PASSWORD", default="")
MAIL_SECURITY = env.str("MAIL_SECURITY", default="starttls")
if MAIL_SECURITY not in {"starttls", "tls", "none"}:
    raise ImproperlyConfigured("MAIL_SECURITY is starttls, tls or none.")
EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL_SECURITY == "starttls", MAIL_SECURITY == "tls"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("MAIL_FROM", default="chatapp@localhost")
ALERT_ALLOWED_HOSTS = {host.lower() for host in env.list("ALERT_ALLOWED_HOSTS", default=[])}

# Release gates: golden questions of one run at most; how long, and by how many streams (0: the worker's slots), the
# load test runs.
GATE_QUESTIONS = env.within("GATE_QUESTIONS", default=100, least=1)
GATE_LOAD_SECONDS = env.within("GATE_LOAD_SECONDS", default=60, least=1)
GATE_LOAD_STREAMS = env.within("GATE_LOAD_STREAMS", default=0, least=0)

# Inference and retrieval
MODELS_DIR = Path(env.str("CHATAPP_MODELS", default=str(Path.home() / ".cache" / "chatapp" / "models")))
# Where weights may be taken from: a folder of this machine, and buckets inside the company's network.
MODEL_IMPORT_DIR = Path(env.str("MODEL_IMPORT_DIR")) if env.str("MODEL_IMPORT_DIR", default="") else None
MODEL_ALLOWED_HOSTS = {host.lower() for host in env.list("MODEL_ALLOWED_HOSTS", default=[])}
MODEL_MAX_GB = env.int("MODEL_MAX_GB", default=100)
SCRIPTED_MODEL = env.bool("CHATAPP_SCRIPTED_MODEL", default=False)
INFERENCE_SLOTS = env.int("INFERENCE_SLOTS", default=4)
INFERENCE_THREADS = env.int("INFERENCE_THREADS", default=0) or None
INFERENCE_GPU_LAYERS = env.int("INFERENCE_GPU_LAYERS", default=-1)
INFERENCE_IDLE_MINUTES = env.int("INFERENCE_IDLE_MINUTES", default=30)
# Where the tokens of external providers lie, renewed by something else, and the way out to those providers. Nothing
# else may lie there: who registers a version names a file of it, and where its content goes.
PROVIDER_TOKENS_DIR = Path(env.str("PROVIDER_TOKENS_DIR", default="/run/provider-tokens"))
PROVIDER_PROXY = env.str("PROVIDER_PROXY", default="")
# A 1.5B model on two CPU cores reads about 80 tokens a second: few short passages keep the first token near.
PROMPT_MAX_TOKENS = env.int("PROMPT_MAX_TOKENS", default=1600)
RETRIEVED_PASSAGES = env.int("RETRIEVED_PASSAGES", default=3)
# As much as three passages of the longest kind: shorter ones are given with what stands around them.
CONTEXT_CHARACTERS = env.int("CONTEXT_CHARACTERS", default=2100)
EMBEDDING_MODELS_PATH = env.str("EMBEDDING_MODELS_PATH", default="")
RERANKER_PATH = env.str("RERANKER_PATH", default="")
INDEX_KEPT_DAYS = env.within("INDEX_KEPT_DAYS", default=14, least=1)
# Where connectors read: folders of this machine, and hosts or networks inside the company's network.
CONNECTOR_FOLDERS = [Path(folder) for folder in env.list("CONNECTOR_FOLDERS", default=[])]
CONNECTOR_ALLOWED_HOSTS = {host.lower() for host in env.list("CONNECTOR_ALLOWED_HOSTS", default=[])}
CONNECTOR_CACHE_DIR = Path(env.str("CONNECTOR_CACHE_DIR", default=str(HOME / "connectors")))
CONNECTOR_MIN_MINUTES = env.int("CONNECTOR_MIN_MINUTES", default=15)
try:
    for entry in CONNECTOR_ALLOWED_HOSTS | MODEL_ALLOWED_HOSTS:
        _ = ip_network(entry) if "/" in entry else None
except ValueError:
    message = "CONNECTOR_ALLOWED_HOSTS and MODEL_ALLOWED_HOSTS list hosts, addresses and networks."
    raise ImproperlyConfigured(message) from None
if not all(folder.is_absolute() for folder in CONNECTOR_FOLDERS):
    raise ImproperlyConfigured("CONNECTOR_FOLDERS lists absolute paths.")
if MODEL_IMPORT_DIR is not None and not MODEL_IMPORT_DIR.is_absolute():
    raise ImproperlyConfigured("MODEL_IMPORT_DIR is an absolute path.")
TITLES = env.bool("CHATAPP_TITLES", default=True)
SUMMARIES = env.bool("CHATAPP_SUMMARIES", default=True)
SHADOW_PERCENT = env.within("SHADOW_PERCENT", default=100.0, least=0, most=100)
ANSWER_CACHE_HOURS = env.int("ANSWER_CACHE_HOURS", default=24)
ANSWER_CACHE_SCOPE = env.str("ANSWER_CACHE_SCOPE", default="user")
if ANSWER_CACHE_SCOPE not in {"user", "company"}:
    raise ImproperlyConfigured("ANSWER_CACHE_SCOPE is user or company.")

LANGUAGE_CODE = "en"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True
USE_I18N = False

# It would log whatever address a caller writes into X-Forwarded-For.
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
LOGGING_CONFIG = "chatapp.logs.configure"
LOGGING: dict[str, Any] = {"version": 1}  # Laid over what chatapp.logs sets.
