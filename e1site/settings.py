"""Every environment variable that the web side reads, in one file. `.env.example` lists them with their meaning."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import environ
from celery.schedules import schedule
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from e1protocol import (
    ARTEFACT_QUEUE,
    MODELS,
    SERVICE_QUEUE,
    TASK_DISPATCH,
    TASK_EXPIRE,
    TASK_REAP,
    TASK_WEBHOOKS,
    TASK_WORK,
    model_queue,
)
from e1site import defaults
from jobs.limits import MAX_JSON_BODY
from jobs.web.browser_assets import MANIFEST

env = environ.Env()

# --- who we are ------------------------------------------------------------------------------------------------------
SECRET_KEY = env.str("E1_SECRET_KEY")
DEBUG = env.bool("E1_DEBUG", default=False)
ALLOWED_HOSTS = env.list("E1_ALLOWED_HOSTS", default=list(defaults.OWN_HOSTS))
CSRF_TRUSTED_ORIGINS = env.list("E1_CSRF_TRUSTED_ORIGINS", default=[])

E1_MODELS = env.list("E1_MODELS", default=list(defaults.MODELS))
"""Enabled models: each needs at least one worker on its queue."""
for _slug in E1_MODELS:
    if _slug not in MODELS:
        raise ImproperlyConfigured(f"E1_MODELS names {_slug!r}; registered models are {', '.join(MODELS)}")

# --- limits and waits ------------------------------------------------------------------------------------------------
E1_SYNC_WAIT_SECONDS = env.float("E1_SYNC_WAIT_SECONDS", default=60.0)
"""How long a synchronous request waits before it answers 504 with the job's URL."""
E1_EVENT_STREAMS = env.int("E1_EVENT_STREAMS", default=8)
"""Server-sent event streams one web process holds; more get 503 and poll."""
E1_UPLOADS = env.int("E1_UPLOADS", default=12)
"""Uploads that one web process reads at the same time; more get 429."""
E1_USER_UPLOADS = env.int("E1_USER_UPLOADS", default=6)
"""The same for the uploads of one user."""
E1_UPLOAD_SECONDS = env.float("E1_UPLOAD_SECONDS", default=21_600.0)
"""Longest time that a request's body may take to come in; short ones have a minute and what 16 KiB a second take."""
E1_MAX_CONTACT_RESIDUES = env.int("E1_MAX_CONTACT_RESIDUES", default=512)
"""Longest sequence of a contact map: 20 passes for each residue, and 1.6 kB x L x L of rows kept until it is made. It
only lowers `jobs.science.contacts.jacobian.MAX_CONTACT_RESIDUES`."""
E1_BUNDLE_TOKENS = env.int("E1_BUNDLE_TOKENS", default=16384)
"""Tokens of chunks in a bundle (a message carries up to four) until a worker that is alive has measured its rate; then
a bundle is what the slowest of them computes in a second."""
E1_QUOTA_ACTIVE_JOBS = env.int("E1_QUOTA_ACTIVE_JOBS", default=0)
"""Unfinished jobs that a user may have, paused ones included; 0 is no limit, here and below. Users may have limits of
their own (docs/sharing.md)."""
E1_QUOTA_SYNC_REQUESTS = env.int("E1_QUOTA_SYNC_REQUESTS", default=0)
"""Synchronous requests of a user that are answered at the same time."""
E1_QUOTA_QUEUED_TOKENS = env.int("E1_QUOTA_QUEUED_TOKENS", default=0)
"""Tokens of a user that wait or are being computed."""
E1_QUOTA_STORED_BYTES = env.int("E1_QUOTA_STORED_BYTES", default=0)
"""Bytes of all that is stored for a user (docs/sharing.md); of unfinished jobs what they will take."""
E1_QUOTA_BACKGROUND = env.int("E1_QUOTA_BACKGROUND", default=10)
"""Analyses and counts of neighbours of a user that wait or are being made: each may keep a worker for hours."""
E1_LEASE_SECONDS = env.float("E1_LEASE_SECONDS", default=30.0)
"""How long a worker may be silent before its chunks are given to others, by the database's clock. It renews three times
as often. Shorter: a dead worker is noticed sooner, and a slow database is taken for a dead worker sooner."""
E1_HANG_SECONDS = env.int("E1_HANG_SECONDS", default=120)
"""Shortest hard limit of a message: a process that computes longer, and thirty times longer than it should, is taken
for hung and killed."""

E1_DATABASES = env.str("E1_DATABASES", default="")
"""The folder of the libraries that homologs are searched in (`e1 database add`), on the machines that search them."""
E1_MAP_ITEMS = env.int("E1_MAP_ITEMS", default=50_000)
"""Items that UMAP lays out; principal components take any number."""
E1_CLUSTER_ITEMS = env.int("E1_CLUSTER_ITEMS", default=20_000)
"""Items whose groups are found by Louvain or HDBSCAN, in time that grows with their square; beyond, k-means."""
E1_NEIGHBOUR_ITEMS = env.int("E1_NEIGHBOUR_ITEMS", default=100_000)
"""Items whose neighbours one analysis finds among as many: its square is the number of pairs that are compared."""
E1_RETENTION_DAYS = env.int("E1_RETENTION_DAYS", default=0)
"""Days after which a closed job loses its items and results; its owner is warned and may put it off. 0 is for ever."""
E1_SYNC_RETENTION_HOURS = env.int("E1_SYNC_RETENTION_HOURS", default=24)
"""Hours for which an answered synchronous request can be fetched again as a job; 0 is as long as other jobs."""

E1_WEBHOOK_ALLOW = env.list("E1_WEBHOOK_ALLOW", default=[])
"""Hosts, or HOST:PORT, of the inside that webhooks may name, by http too. All other internal addresses are refused."""

# --- stores ----------------------------------------------------------------------------------------------------------
DATABASES: dict[str, Any] = {"default": env.db_url("DATABASE_URL")}
DATABASES["default"]["CONN_MAX_AGE"] = 300
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database: Postgres is the queue of this service")
REDIS_URL = env.str("REDIS_URL")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Celery (docs/adr/0001) ------------------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_TASK_DEFAULT_QUEUE = SERVICE_QUEUE
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = 1
CELERY_WORKER_POOL_START_METHOD = "spawn"
CELERY_WORKER_PROC_ALIVE_TIMEOUT = 3600.0
"""A new child says that it lives once its network is loaded, perhaps downloaded; the default of 4 s killed it again
and again after a crash."""
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = True
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 7200,  # above the longest hard limit of a message (jobs.queue.dispatch.MAX_TIME_LIMIT)
    "unacked_restore_interval": 10,
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "global_keyprefix": "e1:",
}
CELERY_TASK_ROUTES = {
    # What may take hours, and nothing else: whatever waits behind it waits as long.
    TASK_WORK: {"queue": ARTEFACT_QUEUE},
    # Webhooks and expiry take a minute, each in one process at a time: of three, one is left to the safety nets.
    "jobs.*": {"queue": SERVICE_QUEUE},
}
CELERY_BEAT_SCHEDULE = {
    # Safety nets: web and workers dispatch and finalise by themselves. `expires` keeps an idle queue from filling.
    "dispatch": {"task": TASK_DISPATCH, "schedule": schedule(3.0), "options": {"expires": 10}},
    "expire": {"task": TASK_EXPIRE, "schedule": schedule(300.0), "options": {"expires": 240}},
    "webhooks": {"task": TASK_WEBHOOKS, "schedule": schedule(10.0), "options": {"expires": 10}},
    "reap": {"task": TASK_REAP, "schedule": schedule(5.0), "options": {"expires": 10}},
}
E1_MODEL_QUEUES = {slug: model_queue(slug) for slug in E1_MODELS}

# --- Django ----------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "jobs",  # before admin: its templates replace some of theirs
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "axes",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "django_vite",
    "rest_framework",
    "knox",
    "drf_spectacular",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "jobs.web.vite.FreshFiles",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "jobs.web.uploads.FormPlaces",  # after the user is known, before the form's token is looked for in the body
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
ROOT_URLCONF = "e1site.urls"
WSGI_APPLICATION = "e1site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "jobs.web.context_processors.service",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "job-list-page"
LOGOUT_REDIRECT_URL = "login"
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
# Without it, whitenoise serves the packaged files as they lie; with it, `manage.py collectstatic` fills it for a proxy.
STATIC_ROOT = env.str("E1_STATIC_ROOT", default="") or None
WHITENOISE_USE_FINDERS = True
DJANGO_VITE = {
    "default": {
        "manifest_path": MANIFEST,
        "static_url_prefix": "jobs/dist",
        "app_client_class": "jobs.web.vite.FreshAssets",
    }
}
WHITENOISE_IMMUTABLE_FILE_TEST = r"^.*/jobs/dist/assets/.+-[0-9A-Za-z_-]{8}\.\w+$"
"""Vite puts a digest into these names: browsers may keep them for ever."""

# Logins are throttled by name and address together (docs/security.md): nobody can lock somebody else out from afar.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_CALLABLE = "jobs.accounts.pages.locked_out"
AXES_USERNAME_CALLABLE = "jobs.accounts.pages.name_tried"
AXES_CLIENT_IP_CALLABLE = "jobs.web.access.client_address"
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
E1_PROXIES = env.int("E1_PROXIES", default=0)
"""How many proxies of ours stand before the web process: so many entries of X-Forwarded-For, from the right, are
believed. 0 believes none."""

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
_HTTPS = env.bool("E1_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SECURE_HSTS_SECONDS = env.int("E1_HSTS_SECONDS", default=31_536_000) if _HTTPS else 0
"""How long browsers refuse to come by http once they came by https."""
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # other names below this one are not ours to decide
    "security.W008",  # the proxy leads from http to https: this process does not know what it listens on
    "security.W021",  # a browser's own list of names is a step that an administrator takes by hand
]
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
CSRF_FAILURE_VIEW = "jobs.web.errors.csrf_failed"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    # Nothing inline, nothing from elsewhere. `data:` pictures are the small signs inside Bootstrap's style sheet.
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "worker-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_JSON_BODY
"""JSON bodies: a longer one belongs into a file upload, which is streamed."""
FILE_UPLOAD_HANDLERS = ["jobs.web.uploads.UploadToDisk"]
"""Always to disk: the memory of the web process stays flat in the size of the upload."""
DATA_UPLOAD_MAX_NUMBER_FILES = 8
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

# --- REST ------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "jobs.web.rest.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["jobs.web.rest.rendering.OrjsonRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "jobs.web.rest.rendering.OneKind",
    "DEFAULT_PARSER_CLASSES": ["jobs.web.rest.bodies.JsonBodyParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "jobs.web.rest.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    # OPTIONS would describe a view to whoever asks for somebody else's object; the OpenAPI document does that.
    "DEFAULT_METADATA_CLASS": None,
    # Serializers pass datetimes on, and the renderer writes them: 2026-01-31T12:00:00+00:00.
    "DATETIME_FORMAT": None,
}
REST_KNOX = {"TOKEN_TTL": None, "AUTH_HEADER_PREFIX": "Token", "AUTO_REFRESH": False}
# knox's own migrations make its table though our model replaces it: an orphan that would refer to users.
MIGRATION_MODULES = {"knox": None}
KNOX_TOKEN_MODEL = "jobs.ApiToken"  # noqa: S105 - the name of a model
SPECTACULAR_SETTINGS = {
    "TITLE": "E1 service",
    "DESCRIPTION": "Protein libraries of any size through Profluent-E1: embeddings, predictions, scores.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "jobs.web.rest.openapi.with_refusals",
    ],
    "ENUM_NAME_OVERRIDES": {
        "JobStateEnum": "jobs.models.states.JobState.choices",
        "ItemStateEnum": "jobs.models.states.ItemState.choices",
        "ArtefactStateEnum": "jobs.models.states.ArtefactState.choices",
        "WebhookEventEnum": "jobs.webhooks.services.EVENTS",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    # A service that starts is asked again and again whether it is ready; "not yet" is no error.
    "filters": {
        "no_probes": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: "/readyz" not in record.getMessage(),
        }
    },
    "formatters": {"plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["no_probes"]}},
    # One line per bundle and per safety net would bury what matters.
    "loggers": {name: {"level": "WARNING"} for name in ("celery.app.trace", "celery.worker.strategy", "celery.beat")},
    "root": {"handlers": ["stderr"], "level": env.str("E1_LOG_LEVEL", default="INFO")},
}
