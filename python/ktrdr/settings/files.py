"""``ktrdr.toml``: settings in the working folder, or in the user's folder of configuration."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ktrdr.errors import ConfigDocument, ConfigExposed, ConfigType, ConfigUnknownKey
from ktrdr.text import nearest

FILE = "ktrdr.toml"
_PREFIX = "KTRDR_"
_PASSWORD = re.compile(r"(://[^:/@]*):.*@|(?<=password=)[^&]*")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Setting:
    """A setting: its variable of the environment, the default as text, and its meaning.

    Args:
        kind: text, path, number or names: the form of its value in ``ktrdr.toml``.
        secret: True for a value that is never printed.
    """

    name: str
    default: str
    meaning: str
    kind: str = "text"
    secret: bool = False

    @property
    def key(self) -> str:
        """Returns the setting's key in ``ktrdr.toml``.

        >>> Setting("KTRDR_DATA_DIR", "none", "folder").key
        'data_dir'
        """
        return self.name.removeprefix(_PREFIX).lower()

    def shown(self, text: str) -> str:
        """Returns a value as it may be printed: no secret, and no password of a URL.

        >>> Setting("KTRDR_DATABASE_URL", "none", "database").shown("postgresql://me:secret@host/ktrdr")
        'postgresql://me:***@host/ktrdr'
        """
        return "set, hidden" if self.secret else _without_password(text)


@dataclass(frozen=True)
class Written:
    """The value of a setting, as text, and the place that gives it.

    Args:
        where: the variable of the environment, or file, line and key.
    """

    text: str
    where: str


def settings_files() -> tuple[Path, ...]:
    """Returns the files that may hold settings, the stronger one first; they need not exist."""
    home = _home()
    config = os.environ.get("XDG_CONFIG_HOME") or (home and home / ".config")
    return (Path(FILE), Path(config, "ktrdr", FILE)) if config else (Path(FILE),)


def read_settings_file(path: Path, known: Mapping[str, Setting]) -> dict[str, Written]:
    """Returns the settings of a file by the name of their variable; empty where there is no file.

    Raises ``ConfigDocument``, ``ConfigUnknownKey`` or ``ConfigType``, each with its line, and ``ConfigExposed`` for a
    secret in a file that other users can read.
    """
    shown = _shown(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        if not os.access(path.parent, os.X_OK):  # another user's folder: nobody can know what is in it
            return {}
        raise ConfigDocument(f"cannot be read: {getattr(error, 'strerror', 'not UTF-8')}", where=shown) from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigDocument(f"not TOML: {error}", where=shown) from None
    by_key = {setting.key: setting for setting in known.values()}
    found = {}
    for key, value in data.items():
        line = _line(text, key)
        if key not in by_key:
            hint = nearest(key.lower().removeprefix(_PREFIX.lower()), by_key) or f"known: {', '.join(by_key)}"
            raise ConfigUnknownKey("unknown key", where=shown, line=line, path=key, hint=hint)
        setting = by_key[key]
        plain = _text(setting, value, path, line)
        if setting.secret or _without_password(plain) != plain:
            _require_private(path, line, key)
        found[setting.name] = Written(plain, f"{shown}:{line}: {key}")
    return found


def _text(setting: Setting, value: object, path: Path, line: int | None) -> str:
    """Returns a value as the environment would hold it; a path is relative to the file's folder."""
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    if setting.kind == "number" and numeric:
        return str(value)
    if setting.kind == "names" and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    if isinstance(value, str) and setting.kind != "number":
        return str(path.absolute().parent / Path(value).expanduser()) if setting.kind == "path" else value
    expected = {"number": "a number", "names": "a list of names"}.get(setting.kind, "text")
    found = type(value).__name__
    raise ConfigType("wrong type", where=_shown(path), line=line, path=setting.key, found=found, expected=expected)


def _require_private(path: Path, line: int | None, key: str) -> None:
    if os.name != "nt" and path.stat().st_mode & _OTHERS:
        hint = f"chmod 600 {path}"
        raise ConfigExposed("other users can read this secret", where=_shown(path), line=line, path=key, hint=hint)


def _without_password(text: str) -> str:
    return _PASSWORD.sub(lambda found: f"{found[1]}:***@" if found[1] else "***", text)


def _line(text: str, key: str) -> int | None:
    """Returns the line of a key, which the parser does not tell."""
    start = re.compile(rf"\s*(?:\[+\s*)?[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    return next((number for number, line in enumerate(text.splitlines(), 1) if start.match(line)), None)


def _shown(path: Path) -> str:
    """Returns the path for messages, without the name of the user's folder."""
    home = _home()
    below = home is not None and path.is_absolute() and path.is_relative_to(home)
    return f"~/{path.relative_to(home)}" if home is not None and below else str(path)


def _home() -> Path | None:
    """Returns the user's folder; None for a user without one, as in a container."""
    try:
        return Path.home()
    except RuntimeError:
        return None
