"""Typed settings: the one reader of the process environment.

Every variable stands in `docs/configuration.md`. A variable of the environment wins over the same one in
`DATA_DIR/local.env`, the file that `make run` writes for development.
"""

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PROJECT_DIR = Path(__file__).resolve().parent.parent
SECRET_MIN_CHARS = 32
#: A secret with fewer different characters than this was typed, not generated.
SECRET_MIN_DIFFERENT_CHARS = 10
#: The longest a webhook may wait for its receiver; the lease must outlive it.
DELIVERY_TIMEOUT_MAX_S = 30
LEASE_MARGIN_S = 15
_PROCESSES_MAX = 64


class ConfigError(Exception):
    """The environment does not describe a runnable Signalbox; the message says what to change."""


class AppEnv(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"
    TEST = "test"


class SignUp(StrEnum):
    INVITED = "invited"
    OPEN = "open"


class JobQueue(StrEnum):
    """The queues of jobs, by how long their jobs may wait."""

    #: Slices of dispatching; its processes run nothing else.
    DISPATCH = "dispatch"
    #: A person waits for the mail.
    MAIL = "mail"
    #: Jobs of seconds.
    DEFAULT = "default"
    #: Jobs of minutes, which may wait for each other.
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class WorkerGroup:
    """A number of worker processes that serve these queues, the first of them first."""

    queues: tuple[JobQueue, ...]
    processes: int


class LogFormat(StrEnum):
    CONSOLE = "console"
    JSON = "json"


class Tier(StrEnum):
    """A team's subscription: how many API requests all of its keys together may make."""

    FREE = "free"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class Settings(BaseSettings):
    """What the operator decided, validated. Build it with `load_settings()`."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    app_env: AppEnv = AppEnv.PRODUCTION
    data_dir: Path = PROJECT_DIR / "data"
    database_url: str = ""
    redis_url: str = "redis://127.0.0.1:6379/0"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    public_url: str = ""
    secret_key: str = ""
    encryption_key: str = ""
    encryption_keys_previous: Annotated[tuple[str, ...], NoDecode] = ()
    sign_up: SignUp = SignUp.INVITED
    openid_issuer: str = ""
    openid_client_id: str = ""
    openid_client_secret: str = ""
    openid_name: str = Field(default="your company account", min_length=1, max_length=60)
    openid_allowed_domains: Annotated[tuple[str, ...], NoDecode] = ()
    openid_sign_up: bool = False
    smtp_url: str = ""
    mail_from: str = "Signalbox <signalbox@localhost>"
    outbound_allowed_networks: str = ""
    outbound_ca_bundle: str = ""
    event_body_max_bytes: int = Field(default=262_144, ge=1024, le=16_777_216)
    response_body_max_bytes: int = Field(default=16_384, ge=0, le=1_048_576)
    dispatch_in_flight_max: int = Field(default=640, ge=1, le=10_000)
    dispatch_in_flight_per_webhook_max: int = Field(default=32, ge=1, le=10_000)
    dispatch_slice_s: float = Field(default=5, gt=0, le=60)
    dispatch_lease_s: float = Field(default=75, gt=0, le=3600)
    dispatch_workers: int = Field(default=1, ge=1, le=64)
    worker_queues: str = "dispatch,mail+default,slow"
    web_workers: int = Field(default=1, ge=1, le=64)
    web_threads: int = Field(default=4, ge=1, le=256)
    web_connections_max: int = Field(default=2000, ge=16, le=100_000)
    request_head_timeout_s: float = Field(default=10, gt=0, le=600)
    request_body_timeout_s: float = Field(default=10, gt=0, le=600)
    response_timeout_s: float = Field(default=30, gt=0, le=600)
    keep_alive_timeout_s: float = Field(default=75, gt=0, le=3600)
    demo_receiver_port: int = Field(default=8090, ge=1, le=65535)
    user_requests_per_minute: int = Field(default=60, ge=1, le=1_000_000)
    public_requests_per_minute: int = Field(default=100, ge=1, le=1_000_000)
    sign_in_failures_max: int = Field(default=1000, ge=1, le=1_000_000_000)
    team_requests_per_hour_free: int = Field(default=20_000, ge=1, le=1_000_000_000)
    team_requests_per_hour_pro: int = Field(default=200_000, ge=1, le=1_000_000_000)
    team_requests_per_hour_enterprise: int = Field(default=5_000_000, ge=1, le=1_000_000_000)
    team_tier: Tier = Tier.FREE
    audit_days: int = Field(default=365, ge=1, le=36_500)
    request_log_days: int = Field(default=7, ge=0, le=3_650)
    trusted_proxies: int = Field(default=0, ge=0, le=10)
    log_format: LogFormat | None = None
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")

    @field_validator("encryption_keys_previous", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("openid_allowed_domains", mode="before")
    @classmethod
    def _split_domains(cls, value: object) -> object:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, list | tuple):
            return tuple(str(domain).lower().removeprefix("@") for domain in value)
        return value

    @field_validator("log_format", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @model_validator(mode="after")
    def _fill_and_check(self) -> Self:
        fill = object.__setattr__  # The model is frozen; this is the one exception.
        fill(self, "data_dir", self.data_dir.expanduser().resolve())
        if not self.database_url:
            fill(self, "database_url", f"sqlite:///{self.data_dir / 'signalbox.db'}")
        fill(self, "database_url", _with_driver(self.database_url))
        if not self.public_url:
            fill(self, "public_url", f"http://{self.host}:{self.port}")
        fill(self, "public_url", self.public_url.rstrip("/"))
        if self.log_format is None:
            fill(self, "log_format", LogFormat.JSON if self.is_production else LogFormat.CONSOLE)
        for name in ("secret_key", "encryption_key"):
            _check_secret(name.upper(), getattr(self, name))
        for key in self.encryption_keys_previous:
            _check_secret("ENCRYPTION_KEYS_PREVIOUS", key)
        _check_openid(self)
        _parse_worker_queues(self.worker_queues, dispatch_workers=self.dispatch_workers)
        if (
            self.app_env is not AppEnv.TEST
            and self.dispatch_lease_s < DELIVERY_TIMEOUT_MAX_S + LEASE_MARGIN_S
        ):
            raise ValueError(
                f"DISPATCH_LEASE_S must be at least {DELIVERY_TIMEOUT_MAX_S + LEASE_MARGIN_S}: a lease that ends"
                " before the slowest send would send twice"
            )
        return self

    def requests_per_hour(self, tier: str) -> int:
        """Return how many API requests per hour a team of this tier may make."""
        return int(getattr(self, f"team_requests_per_hour_{Tier(tier)}"))

    @property
    def worker_groups(self) -> tuple[WorkerGroup, ...]:
        """The processes that one worker starts."""
        return _parse_worker_queues(self.worker_queues, dispatch_workers=self.dispatch_workers)

    @property
    def is_production(self) -> bool:
        """Whether strict defaults apply: secure cookies, JSON logs, HSTS."""
        return self.app_env is AppEnv.PRODUCTION

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a SQLite file."""
        return self.database_url.startswith("sqlite")


def _with_driver(url: str) -> str:
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    if not url.startswith(("sqlite://", "postgresql+psycopg://")):
        raise ValueError("DATABASE_URL must start with sqlite:// or postgresql://")
    return url


def _parse_worker_queues(text: str, *, dispatch_workers: int) -> tuple[WorkerGroup, ...]:
    """Return the groups of `dispatch,mail+default:2,slow`. Raises ValueError."""
    groups = tuple(_parse_group(part.strip(), dispatch_workers) for part in text.split(",") if part.strip())
    if not groups:
        raise ValueError("WORKER_QUEUES must name a queue, such as mail")
    return groups


def _parse_group(text: str, dispatch_workers: int) -> WorkerGroup:
    names, has_count, count = text.partition(":")
    try:
        queues = tuple(dict.fromkeys(JobQueue(name.strip()) for name in names.split("+")))
    except ValueError:
        raise ValueError(f"WORKER_QUEUES: {names!r} is none of {', '.join(JobQueue)}") from None
    if JobQueue.DISPATCH in queues and len(queues) > 1:
        raise ValueError("WORKER_QUEUES: the processes of dispatch serve no other queue; write dispatch,mail")
    if not has_count:
        return WorkerGroup(queues, dispatch_workers if JobQueue.DISPATCH in queues else 1)
    if not (re.fullmatch(r" *[0-9]{1,2} *", count) and 1 <= int(count) <= _PROCESSES_MAX):
        raise ValueError(
            f"WORKER_QUEUES: {text!r} must end with a number of processes from 1 to {_PROCESSES_MAX}"
        )
    return WorkerGroup(queues, int(count))


def _check_openid(settings: Settings) -> None:
    """Raise ValueError when only half of the company's provider is configured, or it cannot be trusted."""
    missing = [
        name.upper() for name in ("openid_client_id", "openid_client_secret") if not getattr(settings, name)
    ]
    if not settings.openid_issuer:
        if len(missing) < 2 or settings.openid_sign_up or settings.openid_allowed_domains:
            raise ValueError("OPENID_ISSUER must be set when another OPENID_ variable is")
        return
    if missing:
        raise ValueError(
            f"{' and '.join(missing)} must be set when OPENID_ISSUER is; your provider shows them"
        )
    parts = urlsplit(settings.openid_issuer)
    is_local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(
            "OPENID_ISSUER must be the address of the provider, such as https://login.example.com"
        )
    if parts.scheme != "https" and (settings.is_production or not is_local):
        raise ValueError("OPENID_ISSUER must start with https://, because it says who signs in")
    for domain in settings.openid_allowed_domains:
        if not re.fullmatch(r"[a-z0-9-]++(?:\.[a-z0-9-]++)*+", domain):
            raise ValueError(f"OPENID_ALLOWED_DOMAINS: {domain!r} is not a domain such as example.com")


def _check_secret(name: str, value: str) -> None:
    hint = (
        f"{name} must be set to at least {SECRET_MIN_CHARS} random characters; make one with:"
        " python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
    )
    if not value:
        raise ValueError(f"{hint}. It is empty")
    if len(value) < SECRET_MIN_CHARS:
        raise ValueError(f"{hint}. It has {len(value)} characters")
    if len(set(value)) < SECRET_MIN_DIFFERENT_CHARS:
        raise ValueError(f"{hint}. It repeats itself")


def load_settings(**overrides: object) -> Settings:
    """Return the settings from the environment and `DATA_DIR/local.env`.

    `overrides` win over both. Raises `ConfigError` that names every variable that is missing or wrong.
    """
    data_dir = Path(str(overrides.get("data_dir") or os.environ.get("DATA_DIR") or PROJECT_DIR / "data"))
    try:
        return Settings(_env_file=data_dir / "local.env", **overrides)  # type: ignore[call-arg, arg-type]
    except ValidationError as error:
        lines = [
            f"  {'.'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}".replace(
                "  : Value error, ", "  "
            )
            for problem in error.errors()
        ]
        raise ConfigError("Signalbox cannot start with this configuration:\n" + "\n".join(lines)) from None
