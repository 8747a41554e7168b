"""Finding keys in files: whole ones only, wherever they stand, without showing them."""

import io
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from app.api_keys import secret_scanner
from app.api_keys.secret_scanner import Leak, printable, scan_paths, scan_stream
from app.api_keys.tokens import new_token
from app.config import PROJECT_DIR

KEY = new_token()
TEST_KEY = new_token(is_test=True)
PIECE_BYTES = secret_scanner._PIECE_BYTES


def found(content: bytes) -> list[tuple[int, str]]:
    """Return line and public part of every key in this content."""
    return [(leak.line, leak.kid) for leak in scan_stream(io.BytesIO(content), "x")]


def scan(*paths: Path, **options: object) -> tuple[list[Leak], list[tuple[str, str]]]:
    """Return what is found below these paths, and what could not be read."""
    unreadable: list[tuple[str, str]] = []
    names = [str(path) for path in paths]
    listed = list(scan_paths(names, report=lambda path, why: unreadable.append((path, why)), **options))  # type: ignore[arg-type]
    return listed, unreadable


def with_wrong_checksum(token: str) -> str:
    """Return what has the form of a key, with a checksum that is wrong."""
    last = token[-1]
    return token[:-1] + ("a" if last != "a" else "b")


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("<key>", [1]),
        ("one\ntwo\nkey = '<key>'\n", [3]),
        ("\r\n\r\nAuthorization: Bearer <key>\r\n", [3]),
        ("<key><key>\n<key>", [1, 1, 2]),
        ("wordsb_live_<key>", [1]),
        ("<wrong>sb_<key>", [1]),
        ("<key>ABCDEF", [1]),
        ("<wrong>", []),
        ("<cut>", []),
        ("<cut>\nsb_live_", []),
        ("sb_live_ sb_live_… sb_test_000000000000_", []),
        ("", []),
    ],
)
def test_whole_keys_are_found_and_nothing_else(content: str, lines: list[int]) -> None:
    for word, token in (
        ("<key>", KEY.token),
        ("<wrong>", with_wrong_checksum(KEY.token)),
        ("<cut>", KEY.token[:-1]),
    ):
        content = content.replace(word, token)

    assert found(content.encode()) == [(line, KEY.kid) for line in lines]


def test_keys_are_found_in_binary_files_and_in_utf_16() -> None:
    for encoding in ("utf-16-le", "utf-16-be", "utf-16"):
        assert found(f"a\nb {KEY.token} c".encode(encoding)) == [(2, KEY.kid)], encoding
        assert found(with_wrong_checksum(KEY.token).encode(encoding)) == [], encoding
    noise = bytes(range(256)) * 40
    assert [kid for _, kid in found(noise + KEY.token.encode() + b"\x00" + noise)] == [KEY.kid]


@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le"])
def test_key_across_the_border_of_two_pieces_is_found_once(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setattr(secret_scanner, "_PIECE_BYTES", 400)
    key = KEY.token.encode(encoding)

    for before in range(200, 420):
        content = b"x\n" * (before // 2) + b"x" * (before % 2) + key + b"\n" * 1000
        assert found(content) == [(1 + before // 2, KEY.kid)], before


def test_large_file_needs_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.log"
    with path.open("wb") as file:
        line = b"sb_live_ nothing to see here, sb_ and on\n" * 25_000
        for _ in range(10):
            file.write(line)
        file.write(KEY.token.encode())
    assert path.stat().st_size > 10_000_000

    tracemalloc.start()
    listed, _ = scan(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert [(leak.line, leak.kid) for leak in listed] == [(250_001, KEY.kid)]
    assert peak_bytes < 8 * PIECE_BYTES


def test_folders_are_searched_without_git_and_without_links(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name in (".git", "src/deep", "elsewhere"):
        (tree / name).mkdir(parents=True)
    (tree / ".git" / "config").write_text(KEY.token)
    (tree / "src" / "deep" / ".env").write_text(f"\n{KEY.token}")
    (tree / "src" / "app.py").write_text(TEST_KEY.token)
    (tmp_path / "outside.txt").write_text(KEY.token)
    (tree / "link.txt").symlink_to(tmp_path / "outside.txt")
    (tree / "elsewhere" / "loop").symlink_to(tree)
    (tree / "elsewhere" / "dangling").symlink_to(tree / "nothing")
    os.mkfifo(tree / "elsewhere" / "pipe")

    listed, unreadable = scan(tree)

    assert listed == [
        Leak(str(tree / "src" / "app.py"), 1, TEST_KEY.kid, is_test=True),
        Leak(str(tree / "src" / "deep" / ".env"), 2, KEY.kid, is_test=False),
    ]
    assert unreadable == []
    assert len(scan(tree, skipped=())[0]) == 3
    assert [leak.kid for leak in scan(tree / "link.txt")[0]] == [KEY.kid]


def test_unreadable_files_are_reported_and_the_rest_is_searched(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(KEY.token)
    (tmp_path / "z.txt").write_text(KEY.token)
    (tmp_path / "mem").symlink_to("/proc/self/mem")

    listed, unreadable = scan(tmp_path / "mem", tmp_path / "gone.txt", tmp_path)

    assert [Path(leak.path).name for leak in listed] == ["a.txt", "z.txt"]
    assert [Path(path).name for path, _ in unreadable] == ["mem", "gone.txt"]
    assert all(why for _, why in unreadable)


def test_paths_are_shown_without_keys_and_control_characters() -> None:
    shown = printable(f"/srv/{TEST_KEY.token}/\x1b[31mred\n\udcff.txt")

    assert TEST_KEY.token not in shown
    assert f"sb_test_{TEST_KEY.kid}_…" in shown
    assert shown.isprintable()


def test_scanner_runs_with_python_alone(tmp_path: Path) -> None:
    (tmp_path / "clean").write_text("nothing")
    (tmp_path / "leaking").write_text(KEY.token)

    def run(*words: str, content: str = "", encoding: str = "utf-8") -> tuple[int, str]:
        # -S: without any library that is installed.
        command = [sys.executable, "-S", "-m", "app.api_keys.secret_scanner", *words]
        environment = {"PYTHONPATH": str(PROJECT_DIR), "PYTHONIOENCODING": encoding}
        done = subprocess.run(
            command,
            input=content,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        return done.returncode, done.stdout

    assert run("clean") == (0, "")
    assert run(".") == (1, f"./leaking:1: sb_live_{KEY.kid}_…\n")
    assert run("-", content=f"\n+{KEY.token}") == (1, f"<stdin>:2: sb_live_{KEY.kid}_…\n")
    assert run("leaking", encoding="ascii") == (1, f"leaking:1: sb_live_{KEY.kid}_\\u2026\n")
    assert run()[0] == run("gone")[0] == run("--help")[0] == 2
