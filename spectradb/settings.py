"""Every setting, read from the environment; unset means the embedded, single-machine default.

=======================  ======================================================
``DATABASE_URL``         ``sqlite:////abs/path`` or ``postgres://…``; SQLite in ``var/``
``REDIS_URL``            broker of the job queue and the cache that all processes share; unset,
                         the queue is in the database and every process has a cache of its own
``SECRET_KEY``           signing key; a generated one is kept in ``var/secret_key``
``DEBUG``                ``1`` for tracebacks in the browser; never in public
``ALLOWED_HOSTS``        comma-separated; loopback names only when unset
``CSRF_TRUSTED_ORIGINS`` comma-separated origins of forms, where a proxy changes the host
``PUBLIC_HTTPS``         ``1`` behind TLS: secure cookies, HSTS, redirect
``HSTS_PRELOAD``         ``1`` to ask for the browsers' preload list, which is hard to leave
``TRUSTED_PROXIES``      addresses or networks of our own proxies, or ``unix`` for a socket: only
                         their ``X-Forwarded-For`` and ``-Proto`` are believed; none when unset
``REGISTRATION``         ``open``, ``confirm`` (a link by e-mail, or an administrator) or
                         ``closed``; ``confirm`` where mail is sent, else ``open``
``EMAIL_URL``            ``smtp://user:password@host:port``, ``smtps://`` or ``smtp+tls://``; unset,
                         nothing is mailed
``EMAIL_FROM``           sender of what is mailed; ``spectradb@localhost``
``ORCID_CLIENT_ID``      what ORCID calls this site; unset, nobody signs in with it
``ORCID_CLIENT_SECRET``  the secret that goes with it
``OIDC_ISSUER``          address of another OpenID Connect provider to sign in with; none when unset
``OIDC_CLIENT_ID``       what that one calls this site
``OIDC_CLIENT_SECRET``   the secret that goes with it
``OIDC_NAME``            what its button says; its host when unset
``SITE_URL``             address of the site in mails, such as ``https://spectra.example.org``;
                         unset, mails name records by their number
``SPECTRADB_VAR``        folder of the database, indexes, exports and models; ``var``
``READ_ONLY``            ``1``: the site only shows; the database is opened for reading
``STATIC_ROOT``          folder that ``collectstatic`` fills; ``staticfiles``
``QCLUSTER_WORKERS``     worker processes of one ``qcluster``; the number of cores
``SPECTRUM_MAX_MB``      largest measured file that a person may send; 20
``STRUCTURE_MAX_MB``     largest structure file that a person may send; 2
``TRAINING_CACHE_DAYS``  how long what is derived for trainings is kept unused; 30
``TRAINING_CACHE_GB``    how much of it at most; the longest unused goes first; 20
``EXPORT_AT_ONCE_MB``    largest download that is written while one waits, larger by a job; 50
``EXPORT_MAX_MB``        largest download that a job writes; 20000
``EXPORT_SIGNED_MB``     larger downloads of jobs are fetched from the bucket of ``FILES_URL``
                         itself, whose address readers reach; unset, none is
``FILES_URL``            ``s3://BUCKET/FOLDER`` for files of series, exports and models, with
                         boto3's ``AWS_…`` variables; folders of ``SPECTRADB_VAR`` when unset
``SERIES_CACHE_MB``      copies here of series whose storage is remote; 20000
``MODELS_CACHE_MB``      copies here of models whose storage is remote; 20000
``ACCOUNT_MAX_MB``       files that an account may keep here, sent or at hand; 2000
``ACCOUNT_SERIES_MAX_MB`` series that an account may keep here, those being sent too; 20000
``ACCOUNT_MAX_JOBS``     jobs of an account that may wait or run at once; 500
``THROTTLE_ANON``        requests of a visitor to the API; ``300/min``
``THROTTLE_USER``        requests of an account to the API; ``1200/min``
``THROTTLE_UPLOAD``      files sent to the API, forms of files to the pages; ``60/hour``
``THROTTLE_SIGN_IN``     failed sign-ins to one account from one address; ``10/hour``
``THROTTLE_SIGN_INS``    failed sign-ins to any account from one address; ``100/hour``
``THROTTLE_REGISTER``    accounts made from one address; ``10/hour``
``THROTTLE_COMMENT``     comments of an account to the curators; ``20/hour``
``THROTTLE_OPTIMADE``    requests to OPTIMADE; ``300/min``
``THROTTLE_COMPUTE``     multiplets of the sliders; ``900/min``
``THROTTLE_ASK``         matches, fits and predictions asked for; ``120/hour``
``DATACITE_PREFIX``      of DOIs that are registered here; unset, none is
``DATACITE_USER``        account of the repository at DataCite
``DATACITE_PASSWORD``    the secret that goes with it
``DATACITE_URL``         its API; ``https://api.datacite.org``, to try ``https://api.test.datacite.org``
``MP_API_KEY``           Materials Project key; never logged
``MP_API_ENDPOINT``      another address of the Materials Project's API
``ERROR_EMAILS``         who is mailed faults of the code (``EMAIL_URL``); comma-separated, nobody
``SENTRY_DSN``           where faults are sent by Sentry's protocol; nowhere
``METRICS_TOKEN``        opens ``/metrics`` to Prometheus; unset, there is none
``PROMETHEUS_MULTIPROC_DIR``  where processes of a host count for it; one in the temporary folder
``LOG_LEVEL``            of the log on stderr; ``WARNING``, with ``INFO`` a line a request
``LOG_FORMAT``           ``plain`` or ``json``, an object a line; ``plain``
=======================  ======================================================
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from zlib import crc32

import dj_database_url

from spectradb import __version__
from spectradb.environment import (
    flag,
    integer,
    mail,
    names,
    needs,
    one_of,
    openid_providers,
    optional_integer,
    secret_key,
    storages_of,
    trusted_proxies,
)

BASE_DIR = Path(__file__).resolve().parent.parent
IS_CHECKOUT = (BASE_DIR / "manage.py").is_file()
# An installed copy keeps what it writes where it is started, never in its own folder.
HOME_DIR = BASE_DIR if IS_CHECKOUT else Path.cwd()
VAR_DIR = Path(os.environ.get("SPECTRADB_VAR") or HOME_DIR / "var").resolve()
VERSION = __version__
READ_ONLY = flag("READ_ONLY")
if READ_ONLY:  # compiled kernels find their place beside nothing that may be written
    os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(gettempdir()) / f"spectradb-{os.getuid()}"))
if not IS_CHECKOUT:  # Numba would keep its compiled kernels beside the installed modules
    os.environ.setdefault("NUMBA_CACHE_DIR", str(VAR_DIR / "numba"))

DEBUG = flag("DEBUG")
SECRET_KEY = secret_key(VAR_DIR, read_only=READ_ONLY)
ALLOWED_HOSTS = names("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = names("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "spectradb.admin.apps.SpectraAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",  # its widgets' templates, of which the project's take the place
    "django.contrib.humanize",
    "django.contrib.sitemaps",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "simple_history",
    "spectradb.apps.SpectraConfig",  # before django_q: its qcluster command wraps that one's
    "django_q",
]

MIDDLEWARE = [
    "spectradb.middleware.TrustedProxies",  # first: what follows reads the address and the scheme
    "spectradb.logs.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "spectradb.middleware.AnonymousCors",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "spectradb.middleware.RefuseNul",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "spectradb.kept_answers.KeptAnswers",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "spectradb.read_only.ReadOnly",
    "spectradb.middleware.PageOfForms",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "spectradb.middleware.ContentSecurityPolicy",
    "simple_history.middleware.HistoryRequestMiddleware",
]

METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "").strip()
if METRICS_TOKEN:
    needs("django_prometheus", "METRICS_TOKEN")
    # Every process of a host counts into files there, which are added up; before its first import.
    # Not in the site's own folder, which may be read-only, or has to be empty for a restore.
    _counted = Path(gettempdir()) / f"spectradb-{os.getuid()}-{crc32(str(VAR_DIR).encode()):08x}"
    os.environ.setdefault(
        "PROMETHEUS_MULTIPROC_DIR", str(_counted / "metrics" / socket.gethostname())
    )
    Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).mkdir(parents=True, exist_ok=True)
    MIDDLEWARE.insert(
        MIDDLEWARE.index("spectradb.kept_answers.KeptAnswers"), "spectradb.counted.counted_by_view"
    )
    MIDDLEWARE.insert(0, "django_prometheus.middleware.PrometheusBeforeMiddleware")

ROOT_URLCONF = "spectradb.urls"
WSGI_APPLICATION = "spectradb.wsgi.application"

FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [(BASE_DIR if IS_CHECKOUT else BASE_DIR / "spectradb") / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "spectradb.views.site.context.site",
            ],
        },
    }
]


def _database() -> dict[str, Any]:
    """SQLite in WAL mode with a busy timeout unless ``DATABASE_URL`` says otherwise."""
    url = os.environ.get("DATABASE_URL", "").strip() or f"sqlite:///{VAR_DIR / 'spectradb.sqlite3'}"
    config: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=60))
    if READ_ONLY:
        return _for_reading(config)
    if config["ENGINE"] == "django.db.backends.postgresql":
        # A host that is cut off learns it within a minute or two, not after the kernel's hours;
        # so does the server, which holds the rows of an open transaction for so long.
        config["OPTIONS"] = {
            "options": "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10"
            " -c tcp_keepalives_count=3 -c tcp_user_timeout=60000",
            "connect_timeout": 10,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 60_000,  # ms
        } | config.get("OPTIONS", {})
    if config["ENGINE"] == "django.db.backends.sqlite3":
        Path(config["NAME"]).parent.mkdir(parents=True, exist_ok=True)
        config["OPTIONS"] = {
            "timeout": 30,
            "transaction_mode": "IMMEDIATE",
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA mmap_size=1073741824;"
                "PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY;"
            ),
        }
    return config


def _for_reading(config: dict[str, Any]) -> dict[str, Any]:
    """A connection that cannot write.

    SQLite reads a file in WAL mode only beside a folder that it may write to, or as a file that
    nobody changes: what a log beside it holds would then be missing, so such a log is no such file.
    """
    if config["ENGINE"] != "django.db.backends.sqlite3":
        config["OPTIONS"] = {"options": "-c default_transaction_read_only=on"}
        return config
    path = Path(config["NAME"])
    log = path.with_name(path.name + "-wal")
    fixed = not os.access(path.parent, os.W_OK) and not (log.exists() and log.stat().st_size)
    config["NAME"] = f"{path.absolute().as_uri()}?{'immutable=1' if fixed else 'mode=ro'}"
    config["OPTIONS"] = {"timeout": 30, "init_command": "PRAGMA query_only=ON;"}
    return config


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD = True

Q_CLUSTER: dict[str, Any] = {
    "name": "spectradb",
    "label": "Queue",
    "workers": integer("QCLUSTER_WORKERS", os.cpu_count() or 1),
    "recycle": 200,
    "timeout": 900,
    "retry": 1200,  # above timeout, so that a running job is never handed out twice
    "max_attempts": 3,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": 1000,
    "queue_limit": 50,
    "poll": 0.2,
}
if redis_url := os.environ.get("REDIS_URL", "").strip():
    Q_CLUSTER["redis"] = redis_url
    # Throttles count in the cache: they hold over all processes only where these share one.
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": redis_url,
            "KEY_PREFIX": "spectradb-cache",
        }
    }
else:
    Q_CLUSTER["orm"] = "default"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
REGISTRATION = one_of(
    "REGISTRATION", ("confirm", "open", "closed") if mail()[0] else ("open", "confirm", "closed")
)
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": openid_providers()}}
SOCIALACCOUNT_ADAPTER = "spectradb.views.accounts.openid.Identities"
ACCOUNT_ADAPTER = "spectradb.views.accounts.openid.Accounts"
ACCOUNT_EMAIL_VERIFICATION = "none"  # spectradb.services.accounts.register says who waits
CSRF_FAILURE_VIEW = "spectradb.views.site.pages.csrf_failure"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ja", "日本語")]
LOCALE_PATHS = [BASE_DIR / "spectradb" / "locale"]
FORMAT_MODULE_PATH = ["spectradb.formats"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT") or HOME_DIR / "staticfiles")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Files of rows, written once; any storage of Django's will do.
    **storages_of(VAR_DIR, ("exports", "models", "series", "series-uploads")),
    # Hashed names once ``collectstatic`` has made them; before that, files as they are.
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if (STATIC_ROOT / "staticfiles.json").is_file()
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_MANIFEST_STRICT = False

# What a person may send, in one place: the pages, the API and the forms tell these limits. What
# the operator's own commands read is bounded by the readers (compute.io.LIMITS).
SPECTRUM_MAX_MB = integer("SPECTRUM_MAX_MB", 20)  # of 10⁶ bytes
STRUCTURE_MAX_MB = integer("STRUCTURE_MAX_MB", 2)
TRAINING_CACHE_DAYS = integer("TRAINING_CACHE_DAYS", 30)
TRAINING_CACHE_GB = integer("TRAINING_CACHE_GB", 20)
EXPORT_AT_ONCE_MB = integer("EXPORT_AT_ONCE_MB", 50)
EXPORT_MAX_MB = integer("EXPORT_MAX_MB", 20_000)
EXPORT_SIGNED_MB = optional_integer("EXPORT_SIGNED_MB")
SERIES_CACHE_MB = integer("SERIES_CACHE_MB", 20_000)
MODELS_CACHE_MB = integer("MODELS_CACHE_MB", 20_000)
ACCOUNT_MAX_MB = integer("ACCOUNT_MAX_MB", 2_000)
ACCOUNT_SERIES_MAX_MB = integer("ACCOUNT_SERIES_MAX_MB", 20_000)
ACCOUNT_MAX_JOBS = integer("ACCOUNT_MAX_JOBS", 500)
DATA_UPLOAD_MAX_NUMBER_FILES = 20
DATA_UPLOAD_MAX_MEMORY_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = (SPECTRUM_MAX_MB + 5) * 10**6

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_SCHEMA_CLASS": "spectradb.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "spectradb.api.base.answer_error",
    "URL_FORMAT_OVERRIDE": None,
    "NUM_PROXIES": 0,  # REMOTE_ADDR is the visitor's: spectradb.middleware.TrustedProxies
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "spectradb.api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.DjangoModelPermissionsOrAnonReadOnly"
    ],
    "DEFAULT_FILTER_BACKENDS": ["spectradb.api.filters.StrictFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "spectradb.api.pagination.StablePagination",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "rest_framework.parsers.JSONParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.AnonRateThrottle",
        "rest_framework.throttling.UserRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "anon": os.environ.get("THROTTLE_ANON", "300/min"),
        "user": os.environ.get("THROTTLE_USER", "1200/min"),
        "upload": os.environ.get("THROTTLE_UPLOAD", "60/hour"),
        "optimade": os.environ.get("THROTTLE_OPTIMADE", "300/min"),
        # Pages that make the server compute: a slider asks about five times a second.
        "compute": os.environ.get("THROTTLE_COMPUTE", "900/min"),
        "ask": os.environ.get("THROTTLE_ASK", "120/hour"),
        "sign-in": os.environ.get("THROTTLE_SIGN_IN", "10/hour"),
        "sign-ins": os.environ.get("THROTTLE_SIGN_INS", "100/hour"),
        "comment": os.environ.get("THROTTLE_COMMENT", "20/hour"),
        "register": os.environ.get("THROTTLE_REGISTER", "10/hour"),
    },
}
SPECTACULAR_SETTINGS = {
    "TITLE": "SpectraDB",
    "VERSION": "1",
    "DESCRIPTION": "Core-level spectra with their structures and every parameter.",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {"StatusEnum": "spectradb.models.Status"},
    "COMPONENT_NO_READ_ONLY_REQUIRED": True,  # ``fields=`` leaves any of them out
}

# Public over TLS needs PUBLIC_HTTPS=1; on plain loopback http, secure cookies would break login.
PUBLIC_HTTPS = flag("PUBLIC_HTTPS")
SECURE_SSL_REDIRECT = PUBLIC_HTTPS
SECURE_REDIRECT_EXEMPT = [
    r"^healthz$",
    r"^readyz$",
    r"^metrics$",
]  # by the host itself, without TLS
SESSION_COOKIE_SECURE = PUBLIC_HTTPS
CSRF_COOKIE_SECURE = PUBLIC_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if PUBLIC_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PUBLIC_HTTPS
# The preload list binds a whole domain for years, so it is asked for by name; that check --deploy
# misses it (W021) is therefore no warning.
SECURE_HSTS_PRELOAD = PUBLIC_HTTPS and flag("HSTS_PRELOAD")
SILENCED_SYSTEM_CHECKS = ["security.W021"]
TRUSTED_PROXIES = trusted_proxies()
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

DEFAULT_FROM_EMAIL = SERVER_EMAIL = os.environ.get("EMAIL_FROM", "spectradb@localhost")
EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD, EMAIL_USE_TLS, EMAIL_USE_SSL = mail()
EMAIL_TIMEOUT = 30  # s
SITE_URL = os.environ.get("SITE_URL", "").strip().rstrip("/")

DATACITE_URL = os.environ.get("DATACITE_URL", "https://api.datacite.org").rstrip("/")
DATACITE_PREFIX = os.environ.get("DATACITE_PREFIX", "").strip()
DATACITE_USER = os.environ.get("DATACITE_USER", "")
DATACITE_PASSWORD = os.environ.get("DATACITE_PASSWORD", "")

MP_API_KEY = os.environ.get("MP_API_KEY", "")
MP_API_ENDPOINT = os.environ.get("MP_API_ENDPOINT", "")

ADMINS = [("", address) for address in names("ERROR_EMAILS")]
EMAIL_SUBJECT_PREFIX = "[SpectraDB] "
SENTRY_DSN = os.environ.get("SENTRY_DSN", "").strip()
if SENTRY_DSN:
    needs("sentry_sdk", "SENTRY_DSN")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request": {"()": "spectradb.logs.WithRequest"}},
    "formatters": {
        "plain": {"format": "{asctime} {levelname} {name} [{request_id}]: {message}", "style": "{"},
        "json": {"()": "spectradb.logs.JsonLines"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": one_of("LOG_FORMAT", ("plain", "json")),
            "filters": ["request"],
        },
        "mail": {"class": "spectradb.error_reports.ErrorMail", "level": "ERROR"},
    },
    # Django's own mails hold forms, cookies and settings.
    "loggers": {"django": {"handlers": [], "level": "INFO"}},
    "root": {
        "handlers": ["stderr", *(["mail"] if ADMINS else [])],
        "level": os.environ.get("LOG_LEVEL", "WARNING"),
    },
}
