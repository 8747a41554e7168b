"""`python -m app.local`: prepare this machine, then run Signalbox on it until told to stop."""

import contextlib
import http.client
import os
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.config import PROJECT_DIR, ConfigError, Settings, load_settings
from app.local import environment, guardian, ports, redis_server
from app.local.children import ChildSpec
from app.local.output import Output, wants_colour
from app.local.stack import Stack

_CONNECT_TIMEOUT_S = 2.0
_LINK_TIMEOUT_S = 60.0
_RECEIVER_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is going to run, after all checks that need no running program."""

    settings: Settings
    specs: tuple[ChildSpec, ...]
    env: dict[str, str]
    #: A directory made for this run alone, when the socket did not fit into the data directory.
    temporary_dir: Path | None


class CannotStart(Exception):
    """Something has to be changed first; the message says what."""


def main() -> int:
    """Run until stopped; return the exit code."""
    try:
        plan = prepare()
    except (
        CannotStart,
        ConfigError,
        environment.AlreadyRunning,
        ports.PortUnavailable,
        redis_server.RedisMissing,
    ) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    try:
        return guardian.guard(lambda lifeline: supervise(plan, lifeline))
    finally:
        if plan.temporary_dir is not None:
            shutil.rmtree(plan.temporary_dir, ignore_errors=True)


def prepare() -> Plan:
    """Make the data directory, the secrets and the settings, and check the ports. Nothing is started yet.

    Raises one of the exceptions `main` reports when something is in the way.
    """
    data_dir = _data_dir()
    try:
        environment.make_data_dir(data_dir)
        environment.lock(data_dir)
        environment.ensure_local_env(data_dir)
    except OSError as error:
        raise CannotStart(
            f"Cannot use {data_dir} for the data: {error.strerror}. Choose another with DATA_DIR."
        ) from None
    settings = load_settings(data_dir=data_dir)
    ports.check_port(settings.host, settings.port, variable="PORT", purpose="the web server")
    receiver_port = _receiver_port(settings)
    managed = {"DEMO_RECEIVER_PORT": str(receiver_port)}
    redis, redis_url, temporary_dir = _redis(settings)
    if redis is not None:
        managed["REDIS_URL"] = redis_url
    environment.write_managed(data_dir, managed)
    env = {**os.environ, **managed, "DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"}
    specs = tuple(spec for spec in (redis, *_programs(settings, receiver_port)) if spec is not None)
    return Plan(settings, specs, env, temporary_dir)


def supervise(plan: Plan, lifeline: guardian.Lifeline) -> int:
    """Run the plan's children; return the exit code."""
    output = Output(
        [spec.name for spec in plan.specs],
        use_colour=wants_colour(sys.stdout, no_color=os.environ.get("NO_COLOR", "")),
    )
    stack = Stack(plan.specs, output=output, env=plan.env, working_dir=PROJECT_DIR, lifeline=lifeline)
    return stack.run(lambda running: _announce(running, output, plan))


def _data_dir() -> Path:
    return Path(os.environ.get("DATA_DIR") or PROJECT_DIR / "data").expanduser().resolve()


def _receiver_port(settings: Settings) -> int:
    wanted = settings.demo_receiver_port
    if environment.is_chosen(settings.data_dir, "DEMO_RECEIVER_PORT"):
        ports.check_port(_RECEIVER_HOST, wanted, variable="DEMO_RECEIVER_PORT", purpose="the demo receiver")
        return wanted
    default = int(Settings.model_fields["demo_receiver_port"].default)
    is_usable = default != settings.port and ports.is_free(_RECEIVER_HOST, default)
    return default if is_usable else ports.any_free_port(_RECEIVER_HOST)


def _redis(settings: Settings) -> tuple[ChildSpec | None, str, Path | None]:
    if environment.is_chosen(settings.data_dir, "REDIS_URL"):
        _check_redis(settings.redis_url)
        return None, settings.redis_url, None
    server = redis_server.find_redis_server()
    socket_path = redis_server.choose_socket_path(settings.data_dir)
    storage_dir = settings.data_dir / "redis" / redis_server.storage_name(server)
    storage_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    argv = redis_server.redis_argv(server, socket_path=socket_path, storage_dir=storage_dir)
    spec = ChildSpec(
        "redis",
        argv,
        is_ready=lambda: redis_server.answers(socket_path),
        # Advice for administrators of big servers, which would alarm first-time users.
        muted=("Memory overcommit", "Transparent Huge Pages"),
    )
    is_temporary = socket_path.parent != settings.data_dir
    return spec, redis_server.socket_url(socket_path), socket_path.parent if is_temporary else None


def _check_redis(url: str) -> None:
    parts = urlsplit(url)
    try:
        if parts.scheme == "unix":
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_CONNECT_TIMEOUT_S)
                connection.connect(unquote(parts.path))
        else:
            address = (parts.hostname or "127.0.0.1", parts.port or 6379)
            socket.create_connection(address, timeout=_CONNECT_TIMEOUT_S).close()
    except (OSError, ValueError) as error:
        place = parts.path if parts.scheme == "unix" else parts.netloc.rpartition("@")[2]
        raise CannotStart(
            f"REDIS_URL points at {place}, but no Redis answers there: {error}\n"
            "Start it, or leave REDIS_URL unset and `make run` brings its own."
        ) from None


def _programs(settings: Settings, receiver_port: int) -> tuple[ChildSpec, ...]:
    """Return the children in starting order; they stop in reverse, so none outlives what it depends on."""
    python = sys.executable
    # Run by its path: importing it as a part of `app` would load Flask, which it does not need.
    receiver = (python, "-P", str(Path(__file__).with_name("receiver.py")), str(receiver_port))
    return (
        ChildSpec("migrate", (*_flask(), "db", "upgrade"), is_step=True),
        ChildSpec("receiver", receiver),
        ChildSpec("worker", (python, "worker.py")),
        ChildSpec(
            "web", (python, "-m", "app.server"), is_ready=lambda: _is_healthy(settings.host, settings.port)
        ),
    )


def _flask() -> tuple[str, ...]:
    return sys.executable, "-m", "flask", "--app", "wsgi"


def _is_healthy(host: str, port: int) -> bool:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104
    connection = http.client.HTTPConnection(reachable, port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _announce(stack: Stack, output: Output, plan: Plan) -> None:
    code, link = stack.ask("setup", (*_flask(), "accounts", "first-owner-link"), timeout_s=_LINK_TIMEOUT_S)
    rows = [("Open", plan.settings.public_url)]
    if code == 0 and link.strip():
        rows.append(("Sign up", f"{link.strip().splitlines()[-1]}  (works once: nobody has an account yet)"))
    rows += [
        ("Demo data", "make demo  (in another terminal)"),
        (
            "Receiver",
            f"http://{_RECEIVER_HOST}:{plan.env['DEMO_RECEIVER_PORT']}/  (prints the events sent to it)",
        ),
        ("Data", _short(plan.settings.data_dir)),
        ("Stop", "Ctrl-C"),
    ]
    lines = ["", "  Signalbox is running.", "", *(f"    {title:<11}{text}" for title, text in rows), ""]
    output.plain("\n".join(lines))


def _short(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return f"./{path.relative_to(Path.cwd())}"
    return str(path)


if __name__ == "__main__":
    raise SystemExit(main())
