"""The secrets that a job's answers name: taken from who launches it, and sealed for each device before they leave.

They come from the environment or from files: what is in a command line can be read by everyone on the machine.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from runlet.cli.inputs import Stdin, open_secret
from runlet.cli.inputs import named as named_file
from runlet.errors import InvalidInput, on_one_line
from runlet.model.declared_answers import MAX_SECRET_BYTES, SECRET_NAME
from runlet.protocol.views import DeviceView

# By device, by name: boxes in Base64.
Sealed = dict[str, dict[str, str]]


class SecretType(click.ParamType[tuple[str, Path]]):
    """A secret's name and the file it is in: NAME=@FILE."""

    name = "secret"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Path]:
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not equals or not SECRET_NAME.fullmatch(name):
            self.fail("this is not a secret's name and its file. Write it as: --secret NAME=@FILE")
        if not text.startswith("@") or text == "@":  # what was typed instead may be the secret itself: never repeated
            self.fail(f"{name} must be a file's name behind '@': what is typed here can be read by everyone")
        return name, named_file(text[1:])


secrets_option = click.option(
    "--secret",
    "secrets",
    metavar="NAME=@FILE",
    type=SecretType(),
    multiple=True,
    help="The file with a secret that the job's answers name; else it is the environment variable NAME.",
)


def gather(names: Collection[str], files: Iterable[tuple[str, Path]]) -> tuple[dict[str, bytes], list[str]]:
    """(the secrets of these names, the names of those that are not given). Raises InvalidInput for a useless one."""
    given = dict(files)
    if len(piped := sorted(name for name, path in given.items() if isinstance(path, Stdin))) > 1:
        raise InvalidInput(
            f"stdin is one file, and holds one secret: not {' and '.join(piped)}", "use files, or variables"
        )
    if unknown := sorted(given.keys() - set(names)):
        known = f"they name {', '.join(sorted(names))}" if names else "they name none"
        raise InvalidInput(f"no secret called {unknown[0]} is in the job's answers: {known}")
    found = {name: value for name in sorted(names) if (value := _value(name, given)) is not None}
    return found, [name for name in sorted(names) if name not in found]


def seal(values: Mapping[str, bytes], devices: Iterable[DeviceView]) -> Sealed:
    """The values for each of the devices whose key is known."""
    from runlet import sealing
    from runlet.protocol.messages import secret_context

    return {
        device.name: {
            name: base64.b64encode(
                sealing.seal(value, base64.b64decode(device.sealing_key), secret_context(device.name, name))
            ).decode()
            for name, value in values.items()
        }
        for device in devices
        if device.sealing_key is not None
    }


def missing_words(missing: Collection[str]) -> list[str]:
    """What to tell the operator of secrets that are not given."""
    return [
        f"the secret {name} is not given: where it is asked for, a person is asked. "
        f"Set the environment variable {name}, or give --secret {name}=@FILE"
        for name in missing
    ]


def _value(name: str, files: Mapping[str, Path]) -> bytes | None:
    if (path := files.get(name)) is not None:
        try:
            with open_secret(path) as file:
                value = file.read(MAX_SECRET_BYTES + 2)
        except OSError as error:
            raise InvalidInput(f"{on_one_line(path)}: the secret {name} cannot be read: {error.strerror}") from None
        value = value.removesuffix(b"\n").removesuffix(b"\r")
    elif name in os.environ:
        value = os.fsencode(os.environ[name])
    else:
        return None
    if not value:
        raise InvalidInput(f"the secret {name} is empty")
    if len(value) > MAX_SECRET_BYTES:
        raise InvalidInput(f"the secret {name} is longer than {MAX_SECRET_BYTES} bytes")
    if any(byte < 0x20 or byte == 0x7F for byte in value):
        raise InvalidInput(f"the secret {name} has several lines, or control characters: it is typed as one line")
    return value
