"""Django's settings, derived from ``appliance.yaml``. People never edit this file to configure an installation."""

from typing import Any

from appliance.settings import environment, load
from webapp.config.body_limit import upload_bytes
from webapp.config.connections import broker_url, database_tls, redis_url
from webapp.ui.accent import STEPS
from webapp.ui.security import POLICY

APPLIANCE = load()
BASE_DIR = environment.REPOSITORY

SECRET_KEY = APPLIANCE.secret("django").reveal()
DEBUG = False
ALLOWED_HOSTS = list(APPLIANCE.web.allowed_hosts)
ROOT_URLCONF = "webapp.config.urls"
ASGI_APPLICATION = "webapp.config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    # Before allauth, whose templates they replace.
    "webapp.ui",
    "webapp.accounts",
    "allauth",
    "allauth.account",
    "csp",
    "webapp.search",
    "webapp.audit",
    "webapp.durable",
    "webapp.usage",
    "webapp.streaming",
    "webapp.llm",
    "webapp.hardware",
    "webapp.prompts",
    "webapp.knowledge",
    "webapp.agents",
    "webapp.chat",
    "webapp.console",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "webapp.ui.storage.StaticFilesMiddleware",
    "csp.middleware.CSPMiddleware",
    "webapp.ui.security.AdminPolicyMiddleware",
    "webapp.ui.caching.PrivatePagesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "webapp.accounts.middleware.LogInFirstMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "webapp.accounts.middleware.MustChangePasswordMiddleware",
    "webapp.chat.middleware.WrongMethodMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "webapp.ui.context.site",
            ],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": APPLIANCE.database_host,
        "PORT": str(APPLIANCE.database.port),
        "NAME": APPLIANCE.database.name,
        "USER": APPLIANCE.database.user,
        "PASSWORD": APPLIANCE.secret("postgres-application").reveal(),
        "CONN_MAX_AGE": 0,
        # A pooled connection is tried before it is used: PostgreSQL may have been restarted since.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "pool": {"min_size": 0, "max_size": APPLIANCE.database_pool_size, "timeout": 10},
            **database_tls(APPLIANCE),
        },
        "TEST": {"SERIALIZE": False},
    },
}

REDIS_URL = redis_url(APPLIANCE)
# What the way to the models is protected with, where they are not on this machine.
ENGINE_PROXY = APPLIANCE.engine_proxy
MODEL_TIMEOUTS = APPLIANCE.timeouts

CELERY_BROKER_URL = broker_url(APPLIANCE)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"

# Losing Redis must lose nothing, the count of failed log-ins included: so the cache is a table.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "django_cache"}}

LANGUAGE_CODE = APPLIANCE.site.language
TIME_ZONE = APPLIANCE.site.time_zone
USE_TZ = True
USE_I18N = True

STATIC_URL = "static/"
STATIC_ROOT = APPLIANCE.static_dir
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "webapp.ui.storage.HashedStaticFiles"},
}
# Before `collectstatic` has run (tests, a fresh checkout) files are served from the applications' own folders.
WHITENOISE_USE_FINDERS = not (STATIC_ROOT / "staticfiles.json").exists()
WHITENOISE_ALLOW_ALL_ORIGINS = False

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_ADAPTER = "webapp.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "change_password": "webapp.accounts.password_forms.ChangePasswordForm",
    "set_password": "webapp.accounts.password_forms.SetPasswordForm",
}
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "/account/login/"
# Failed attempts: five in five minutes for one account from one address, ten a minute from one address.
ACCOUNT_RATE_LIMITS = {"login": "60/m/ip", "login_failed": "10/m/ip,5/5m/key", "change_password": "10/m/user"}
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = APPLIANCE.web.https
# A year; over plain HTTP, where the header means nothing, none is sent. The hosts' nginx hides this one and sends its
# own, which its error pages carry too.
SECURE_HSTS_SECONDS = 31_536_000 if APPLIANCE.web.https else 0
SESSION_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = POLICY
CSRF_FAILURE_VIEW = "webapp.chat.views.errors.csrf_failure"
SITE_NAME = APPLIANCE.site.name
UNFOLD = {
    "SITE_TITLE": SITE_NAME,
    "SITE_HEADER": SITE_NAME,
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "COLORS": {"primary": STEPS},
    "SIDEBAR": {"show_search": False, "show_all_applications": False},
}
# What is sent at once: see body_limit, which enforces it before Django keeps anything.
UPLOAD_MAX_BYTES = upload_bytes(APPLIANCE.ingestion.max_upload_mib)
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"httpx": {"level": "WARNING"}},  # one line a call otherwise
}
