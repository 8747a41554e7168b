"""The data directory, its settings file and its lock."""

import stat
from pathlib import Path

import pytest

from app.config import load_settings
from app.local import environment


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    environment.make_data_dir(directory)
    return directory


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_first_start_makes_settings_that_only_the_owner_reads(data_dir: Path) -> None:
    environment.ensure_local_env(data_dir)

    settings = load_settings(data_dir=data_dir)
    assert settings.app_env == "development"
    assert settings.secret_key != settings.encryption_key
    assert settings.outbound_allowed_networks == "127.0.0.0/8,[::1]/128"
    assert (mode(data_dir), mode(data_dir / "local.env")) == (0o700, 0o600)


def test_second_start_keeps_secrets_and_what_was_edited(data_dir: Path) -> None:
    environment.ensure_local_env(data_dir)
    environment.write_managed(data_dir, {"REDIS_URL": "unix:///one"})
    path = data_dir / "local.env"
    path.write_text(path.read_text().replace("APP_ENV=development", "APP_ENV=development\nPORT=9000"))
    before = load_settings(data_dir=data_dir)

    environment.ensure_local_env(data_dir)
    environment.write_managed(data_dir, {"REDIS_URL": "unix:///two"})

    after = load_settings(data_dir=data_dir)
    assert (after.secret_key, after.encryption_key, after.port) == (
        before.secret_key,
        before.encryption_key,
        9000,
    )
    assert after.redis_url == "unix:///two"
    assert path.read_text().count("REDIS_URL") == 1
    assert mode(path) == 0o600


def test_missing_secret_is_added_and_a_removed_network_stays_removed(data_dir: Path) -> None:
    (data_dir / "local.env").write_text("APP_ENV=development\nSECRET_KEY=" + "abcdefghijkl" * 4)

    environment.ensure_local_env(data_dir)

    settings = load_settings(data_dir=data_dir)
    assert settings.secret_key == "abcdefghijkl" * 4
    assert len(settings.encryption_key) >= 32
    assert settings.outbound_allowed_networks == ""


def test_environment_wins_over_the_file(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment.ensure_local_env(data_dir)
    environment.write_managed(data_dir, {"REDIS_URL": "unix:///ours"})
    monkeypatch.setenv("REDIS_URL", "redis://theirs:6379/0")

    assert load_settings(data_dir=data_dir).redis_url == "redis://theirs:6379/0"
    assert environment.is_chosen(data_dir, "REDIS_URL")


def test_what_we_wrote_ourselves_does_not_count_as_chosen(data_dir: Path) -> None:
    environment.ensure_local_env(data_dir)
    environment.write_managed(data_dir, {"REDIS_URL": "unix:///ours"})

    assert not environment.is_chosen(data_dir, "REDIS_URL")
    assert environment.is_chosen(data_dir, "SECRET_KEY")
