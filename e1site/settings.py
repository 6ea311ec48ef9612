"""Every environment variable that the web side reads. `.env.example` lists them with their meaning."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
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
from jobs.accounts.directory_settings import directory_problem
from jobs.limits import GIB, MAX_JSON_BODY
from jobs.metering.prices import Prices
from jobs.web.browser_assets import MANIFEST

env = environ.Env()

# --- who we are ------------------------------------------------------------------------------------------------------
SECRET_KEY = env.str("E1_SECRET_KEY", default="")
"""Signs sessions. Only the web process needs it: `e1site.wsgi` refuses to start without it."""
DEBUG = env.bool("E1_DEBUG", default=False)
ALLOWED_HOSTS = env.list("E1_ALLOWED_HOSTS", default=list(defaults.OWN_HOSTS))
CSRF_TRUSTED_ORIGINS = env.list("E1_CSRF_TRUSTED_ORIGINS", default=[])
if _problem := defaults.prefix_problem(E1_PREFIX := env.str("E1_PREFIX", default="")):
    raise ImproperlyConfigured(f"E1_PREFIX {_problem}")
FORCE_SCRIPT_NAME = E1_PREFIX or None
"""Django writes it before every address, and `e1site.prefix` takes it from the path of every request."""

E1_MODELS = env.list("E1_MODELS", default=list(defaults.MODELS))
"""Enabled models: each needs at least one worker on its queue."""
for _slug in E1_MODELS:
    if _slug not in MODELS:
        raise ImproperlyConfigured(f"E1_MODELS names {_slug!r}; registered models are {', '.join(MODELS)}")

# --- limits and waits ------------------------------------------------------------------------------------------------
E1_SYNC_WAIT_SECONDS = env.float("E1_SYNC_WAIT_SECONDS", default=60.0)
"""Time that a synchronous request waits before it answers 504 with the job's URL."""
# Requests that hold a thread of a web process (jobs.web.places): of all users, and of one. Together they take 56 of the
# 80 threads (e1site.stack.parts.web). Of the other threads, one user or address takes at most E1_USER_REQUESTS.
E1_USER_REQUESTS = env.int("E1_USER_REQUESTS", default=20)
E1_UPLOADS = env.int("E1_UPLOADS", default=12)
E1_USER_UPLOADS = env.int("E1_USER_UPLOADS", default=6)
E1_DOWNLOADS = env.int("E1_DOWNLOADS", default=8)
E1_USER_DOWNLOADS = env.int("E1_USER_DOWNLOADS", default=4)
E1_SYNC_REQUESTS = env.int("E1_SYNC_REQUESTS", default=16)
E1_USER_SYNC_REQUESTS = env.int("E1_USER_SYNC_REQUESTS", default=12)
E1_LOOK_UPS = env.int("E1_LOOK_UPS", default=4)
E1_USER_LOOK_UPS = env.int("E1_USER_LOOK_UPS", default=1)
E1_PUBLIC_LINKS = env.bool("E1_PUBLIC_LINKS", default=False)
E1_PUBLIC_DOWNLOADS = env.int("E1_PUBLIC_DOWNLOADS", default=4)
E1_USER_PUBLIC_DOWNLOADS = env.int("E1_USER_PUBLIC_DOWNLOADS", default=2)
E1_EVENT_STREAMS = env.int("E1_EVENT_STREAMS", default=8)
E1_USER_EVENT_STREAMS = env.int("E1_USER_EVENT_STREAMS", default=4)
E1_UPLOAD_SECONDS = env.float("E1_UPLOAD_SECONDS", default=21_600.0)
"""Longest time in which a request's body must arrive; short ones have a minute, and a second for every 16 KiB."""
E1_MAX_CONTACT_RESIDUES = env.int("E1_MAX_CONTACT_RESIDUES", default=512)
"""Longest sequence of a contact map: 20 passes a residue, and 1.6 kB x L x L of rows kept until it is made. It only
lowers `jobs.science.contacts.jacobian.MAX_CONTACT_RESIDUES`."""
E1_BUNDLE_TOKENS = env.int("E1_BUNDLE_TOKENS", default=16384)
"""Tokens of chunks in a bundle until a live worker has measured its rate; a message carries up to four bundles. Then a
bundle is what the slowest live worker computes in a second."""
E1_QUOTA_ACTIVE_JOBS = env.int("E1_QUOTA_ACTIVE_JOBS", default=1000)
"""Unfinished jobs of a user, paused ones included: the dispatcher looks at each of them every time. 0 is no limit, here
and below. Users may have limits of their own (docs/sharing.md)."""
E1_QUOTA_SYNC_REQUESTS = env.int("E1_QUOTA_SYNC_REQUESTS", default=48)
"""Synchronous requests of a user that are not computed yet: 24 that wait, and as many whose client was told 504."""
E1_QUOTA_QUEUED_TOKENS = env.int("E1_QUOTA_QUEUED_TOKENS", default=0)
"""Tokens of a user that wait or are being computed. They need no limit, because users take turns on the workers."""
E1_DISK = env.str("E1_DISK", default="")
"""A folder on the disk of the database, if this machine has that disk."""
E1_SPARE_BYTES = env.int("E1_SPARE_BYTES", default=2 * GIB)
"""Bytes that uploads and jobs leave free on that disk, and on the disk of temporary files."""
E1_QUOTA_STORED_BYTES = defaults.stored_bytes(env.str("E1_QUOTA_STORED_BYTES", default=""), E1_DISK)
"""Bytes stored for a user (docs/sharing.md); unfinished jobs count with the bytes that they will take."""
try:
    E1_PRICES = Prices.read(env.dict("E1_PRICES", default={}), env.str("E1_CURRENCY", default=""))
    """Prices of what the accounts of use count; None for none (docs/accounts.md)."""
except ValueError as _error:
    raise ImproperlyConfigured(f"E1_PRICES {_error}") from None
E1_BUDGET = Decimal(env.str("E1_BUDGET", default="") or 0)
"""What a user may spend in a month by these prices; 0 is no limit. Users may have budgets of their own."""
E1_WORKER_COST_CENTRE = env.str("E1_WORKER_COST_CENTRE", default="")
"""The only cost centre whose work this worker computes, if it has one (docs/accounts.md)."""
E1_QUOTA_BACKGROUND = env.int("E1_QUOTA_BACKGROUND", default=10)
"""Unfinished analyses and counts of neighbours of a user: each may keep a worker for hours."""
E1_LEASE_SECONDS = env.float("E1_LEASE_SECONDS", default=30.0)
"""Silence of a worker after which others get its chunks, by the database's clock. It renews three times as often. If
shorter, a dead worker is noticed sooner, but a slow database looks like a dead worker sooner."""
E1_HANG_SECONDS = env.int("E1_HANG_SECONDS", default=120)
"""Shortest hard limit of a message: a process that takes longer, and thirty times longer than it should, is killed."""

E1_DATABASES = env.str("E1_DATABASES", default="")
"""The folder of the libraries for homolog searches (`e1 database add`), on the machines that search them."""
E1_MAP_ITEMS = env.int("E1_MAP_ITEMS", default=50_000)
"""Items that UMAP lays out; principal components take any number."""
E1_CLUSTER_ITEMS = env.int("E1_CLUSTER_ITEMS", default=20_000)
"""Items that Louvain or HDBSCAN group, in time that grows with their square; k-means groups more."""
E1_NEIGHBOUR_ITEMS = env.int("E1_NEIGHBOUR_ITEMS", default=100_000)
"""Items whose neighbours one analysis finds among as many; its square is the number of compared pairs."""
E1_RETENTION_DAYS = env.int("E1_RETENTION_DAYS", default=0)
"""Days after which a closed job loses its items and results; its owner is warned and may postpone it. 0 is for ever."""
E1_SYNC_RETENTION_HOURS = env.int("E1_SYNC_RETENTION_HOURS", default=24)
"""Hours in which an answered synchronous request can be fetched as a job; 0 keeps it as long as other jobs."""

E1_WEBHOOK_ALLOW = env.list("E1_WEBHOOK_ALLOW", default=[])
"""Internal hosts, or HOST:PORT, that webhooks may name, also by http. All other internal addresses are refused."""

# --- mail ------------------------------------------------------------------------------------------------------------
E1_PUBLIC_URL = env.str("E1_PUBLIC_URL", default="")
"""The address at which people reach the service, for links in mails."""
E1_EMAIL = bool(env.str("E1_EMAIL_URL", default=""))
"""Whether the service sends mails about jobs."""
if E1_EMAIL:
    vars().update(env.email_url("E1_EMAIL_URL"))
    DEFAULT_FROM_EMAIL = env.str("E1_EMAIL_FROM", default="")
    EMAIL_TIMEOUT = 10
    if not DEFAULT_FROM_EMAIL or not E1_PUBLIC_URL.startswith(("https://", "http://")):
        raise ImproperlyConfigured("E1_EMAIL_URL needs E1_EMAIL_FROM, and E1_PUBLIC_URL with http or https")

# --- stores ----------------------------------------------------------------------------------------------------------
if _problem := defaults.database_problem(env.str("DATABASE_URL")):
    raise ImproperlyConfigured(f"DATABASE_URL {_problem}")
DATABASES: dict[str, Any] = {"default": env.db_url("DATABASE_URL")}
DATABASES["default"]["ENGINE"] = "e1site.postgres"
DATABASES["default"]["CONN_MAX_AGE"] = 300
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# A pool in transaction mode (pgbouncer) gives each transaction another session: nothing may stay in one. Django's
# psycopg prepares no statement unless OPTIONS say so.
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
E1_OWNER_DATABASE_URL = env.str("E1_OWNER_DATABASE_URL", default="")
"""The same database by the role that owns its tables. Only `e1_bootstrap --migrate` reads it."""
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
"""A new child reports that it lives once its network is loaded, perhaps downloaded. The default is 4 s."""
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = True
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_DB_REUSE_MAX = 10**12
"""Celery would close the connection of a forked process before and after every task. `worker.app` closes dead ones, and
those older than CONN_MAX_AGE."""
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
    # Only tasks that may take hours: every task behind them waits as long.
    TASK_WORK: {"queue": ARTEFACT_QUEUE},
    # Webhooks and expiry take a minute, each in one process at a time: of three, one is left to the safety nets.
    "jobs.*": {"queue": SERVICE_QUEUE},
}
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
"""Keeps the times of last runs in memory only. Celery's default keeps them in a file of pickles. Every task below is
harmless to repeat and runs again within five minutes of a start, so there is nothing to remember."""
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
    "e1site.administration.Administration",
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
    "jobs.web.probes.any_host",
    "jobs.web.rest.slashes.final_slash",
    "jobs.web.rest.caching.no_store",
    "django.middleware.security.SecurityMiddleware",
    "jobs.web.vite.FreshFiles",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "jobs.web.places.RequestPlaces",
    "jobs.web.places.StreamPlaces",
    "jobs.web.uploads.FormPlaces",  # after the user is known, before the form's token is looked for in the body
    "django.middleware.csrf.CsrfViewMiddleware",
    "jobs.web.text.TextCheck",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]
AUTHENTICATION_BACKENDS = ["jobs.accounts.logins.CountingBackend", "jobs.accounts.logins.PasswordBackend"]
E1_OIDC_ISSUER = env.str("E1_OIDC_ISSUER", default="")
"""The address of a provider of OpenID Connect, whose people may sign in (docs/sign-in.md)."""
if E1_OIDC_ISSUER:
    OIDC_RP_CLIENT_ID = env.str("E1_OIDC_CLIENT")
    OIDC_RP_CLIENT_SECRET = env.str("E1_OIDC_SECRET")
    OIDC_RP_SIGN_ALGO = env.str("E1_OIDC_ALGORITHM", default="RS256")
    OIDC_RP_SCOPES = env.str("E1_OIDC_SCOPES", default="openid profile email")
    OIDC_USE_PKCE = True
    OIDC_TIMEOUT = 10
    AUTHENTICATION_BACKENDS.append("jobs.accounts.oidc.OidcBackend")
E1_OIDC_TITLE = env.str("E1_OIDC_TITLE", default="OpenID Connect")
E1_OIDC_USERNAME = env.str("E1_OIDC_USERNAME", default="preferred_username")
E1_OIDC_GROUPS = env.str("E1_OIDC_GROUPS", default="")
E1_OIDC_LINK = env.bool("E1_OIDC_LINK", default=False)
E1_LDAP_URL = env.str("E1_LDAP_URL", default="")
"""The address of a directory, whose people may sign in with their passwords there (docs/sign-in.md)."""
E1_LDAP_CA = env.str("E1_LDAP_CA", default="")
E1_LDAP_BIND_DN = env.str("E1_LDAP_BIND_DN", default="")
E1_LDAP_BIND_PASSWORD = env.str("E1_LDAP_BIND_PASSWORD", default="")
E1_LDAP_BASE = env.str("E1_LDAP_BASE", default="")
E1_LDAP_FILTER = env.str("E1_LDAP_FILTER", default="(objectClass=*)")
E1_LDAP_USERNAME = env.str("E1_LDAP_USERNAME", default="uid")
E1_LDAP_EMAIL = env.str("E1_LDAP_EMAIL", default="mail")
E1_LDAP_ID = env.str("E1_LDAP_ID", default="entryUUID")
E1_LDAP_GROUPS = env.str("E1_LDAP_GROUPS", default="")
E1_LDAP_GROUP_KIND = env.str("E1_LDAP_GROUP_KIND", default="groupOfNames")
E1_LDAP_REQUIRED_GROUP = env.str("E1_LDAP_REQUIRED_GROUP", default="")
E1_LDAP_COST_CENTRES = env.str("E1_LDAP_COST_CENTRES", default="")
E1_LDAP_LINK = env.bool("E1_LDAP_LINK", default=False)
E1_LDAP_TITLE = env.str("E1_LDAP_TITLE", default="the directory")
E1_LDAP_SECONDS = 5
"""How long a login waits for each answer of the directory."""
if E1_LDAP_URL:
    if _problem := directory_problem(
        E1_LDAP_URL,
        base=E1_LDAP_BASE,
        groups=E1_LDAP_GROUPS,
        kind=E1_LDAP_GROUP_KIND,
        required_group=E1_LDAP_REQUIRED_GROUP,
        cost_centres=E1_LDAP_COST_CENTRES,
    ):
        raise ImproperlyConfigured(_problem)
    AUTHENTICATION_BACKENDS.append("jobs.accounts.directory.DirectoryBackend")
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
                "jobs.help.context.helped",
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
STATIC_URL = f"{E1_PREFIX}/static/"
# Without it, whitenoise serves the packaged files in place; with it, `manage.py collectstatic` fills it for a proxy.
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
"""Names with a digest by Vite: browsers may keep these files for ever."""

# Logins are throttled by name and address together (docs/security.md): no one can lock out a user from elsewhere.
AXES_HANDLER = "jobs.accounts.logins.CountedAttempts"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_CALLABLE = "jobs.accounts.pages.locked_out"
AXES_USERNAME_CALLABLE = "jobs.accounts.logins.name_tried"
AXES_CLIENT_IP_CALLABLE = "jobs.web.access.client_address"
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
E1_PROXIES = env.int("E1_PROXIES", default=0)
"""Number of our proxies in front of the web process, and so of trusted entries of X-Forwarded-For, from the right."""

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = f"{E1_PREFIX}/"
_HTTPS = env.bool("E1_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
_SERVICE = env.str("E1_COOKIES", default="")
SESSION_COOKIE_NAME = defaults.cookie_name("sessionid", service=_SERVICE, https=_HTTPS, prefix=E1_PREFIX)
CSRF_COOKIE_NAME = defaults.cookie_name("csrftoken", service=_SERVICE, https=_HTTPS, prefix=E1_PREFIX)
SECURE_HSTS_SECONDS = env.int("E1_HSTS_SECONDS", default=31_536_000) if _HTTPS else 0
"""Time for which browsers refuse http after a visit by https."""
SILENCED_SYSTEM_CHECKS = [
    # Subdomains belong to the administrator.
    "security.W005",
    # The proxy redirects from http to https.
    "security.W008",
    # The administrator decides about the preload list of browsers.
    "security.W021",
]
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
CSRF_FAILURE_VIEW = "jobs.web.errors.csrf_failed"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    # Nothing inline, nothing from other hosts. Bootstrap's style sheet has small pictures as `data:`.
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
"""Limit of JSON bodies: a longer one belongs in a file upload, which is streamed."""
FILE_UPLOAD_HANDLERS = ["jobs.web.uploads.UploadToDisk"]
"""Always to disk, so that the memory of the web process does not grow with the upload."""
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
    # OPTIONS would describe a view to users who may not see its object; the OpenAPI document describes it.
    "DEFAULT_METADATA_CLASS": None,
    # Serializers pass datetimes on, and the renderer writes them: 2026-01-31T12:00:00+00:00.
    "DATETIME_FORMAT": None,
}
REST_KNOX = {"TOKEN_TTL": None, "AUTH_HEADER_PREFIX": "Token", "AUTO_REFRESH": False}
# knox's own migrations create a table that our model replaces.
MIGRATION_MODULES = {"knox": None}
KNOX_TOKEN_MODEL = "jobs.ApiToken"  # noqa: S105 - the name of a model
SPECTACULAR_SETTINGS = {
    "TITLE": "E1 service",
    "DESCRIPTION": "Protein libraries of any size through Profluent-E1: embeddings, predictions, scores.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVERS": [{"url": E1_PREFIX}] if E1_PREFIX else [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "jobs.web.rest.openapi.with_refusals",
        "jobs.api.documented.with_actions",
    ],
    "ENUM_NAME_OVERRIDES": {
        "JobStateEnum": "jobs.models.states.JobState.choices",
        "ItemStateEnum": "jobs.models.states.ItemState.choices",
        "ArtefactStateEnum": "jobs.models.states.ArtefactState.choices",
        "PropertyModelStateEnum": "jobs.campaigns.serializers.MODEL_STATES",
        "RanksByEnum": "jobs.campaigns.serializers.RANKS_BY",
        "RoundStateEnum": "jobs.models.campaigns.ROUND_STATES",
        "LayoutEnum": "jobs.parsing.asked.LAYOUTS",
        "WebhookEventEnum": "jobs.webhooks.services.EVENTS",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    # During a start /readyz is asked repeatedly; "not yet" is no error.
    "filters": {
        "no_probes": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: "/readyz" not in record.getMessage(),
        }
    },
    "formatters": {"plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["no_probes"]}},
    # A line per bundle and per safety net would hide the important ones.
    "loggers": {name: {"level": "WARNING"} for name in ("celery.app.trace", "celery.worker.strategy", "celery.beat")},
    "root": {"handlers": ["stderr"], "level": env.str("E1_LOG_LEVEL", default="INFO")},
}
