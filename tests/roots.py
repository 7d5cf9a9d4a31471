"""Root file systems for devices of tests: each sees the machine, and what it changes is its own.

A root is an overlay over the machine's, in a mount namespace that lives as long as a keeper process. When the keeper
ends, and it ends with the tests however they end, the kernel takes the mounts away: there is nothing to unmount.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import runlet

PROJECT = Path(runlet.__file__).parents[1]
# The longest of a root's own commands, an installation from a slow mirror.
COMMAND_SECONDS = 240.0

# $1 is a folder of the root's own, the others are shared with the machine. Where the machine's root is itself an
# overlay, as in a container, its folders cannot be an overlay's upper layer; memory can.
_KEEP = """
set -eu
folder=$1; shift
layer() {
  mkdir -p "$folder/layers/upper" "$folder/layers/work" "$folder/root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/layers/upper,workdir=$folder/layers/work" "$folder/root"
}
layer 2>/dev/null || { mount -t tmpfs tmpfs "$folder/layers"; layer; }
cd "$folder/root"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
for shared; do mkdir -p ".$shared"; mount --bind "$shared" ".$shared"; done
for name in resolv.conf hosts; do cp --remove-destination -L "/etc/$name" "etc/$name"; done
exec chroot . sh -c 'echo ready; exec cat'
"""


class Root:
    """A root file system that begins as the machine's. Needs root's rights."""

    def __init__(self, folder: Path, *shared: Path) -> None:
        """`shared` folders are the machine's own inside too, and so is the project."""
        self._folder = folder
        folders = {folder: None, **dict.fromkeys([PROJECT, Path(sys.prefix), *shared])}
        self._keeper = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", _KEEP, "sh", *map(str, folders)],
            stdin=subprocess.PIPE,  # the keeper's lifeline
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._keeper.stdout
        assert self._keeper.stderr
        assert self._keeper.stdout.readline() == "ready\n", self._keeper.stderr.read()

    def command(self, arguments: Sequence[str]) -> list[str]:
        """What runs a program inside."""
        # The keeper's own root, not a path to it: the tests themselves may run below another root than the machine's.
        keeper = f"/proc/{self._keeper.pid}"
        return ["nsenter", f"--mount={keeper}/ns/mnt", f"--root={keeper}/root", "--wd=/", *arguments]

    def run(self, *arguments: str) -> str:
        """Run a program inside to its end; its output."""
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            self.command(arguments),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}"
        return done.stdout

    def write(self, path: str, content: str, mode: int = 0o644) -> None:
        """Make a file inside."""
        subprocess.run(self.command(["tee", path]), input=content, text=True, stdout=subprocess.DEVNULL, check=True)
        self.run("chmod", f"{mode:o}", path)

    def close(self) -> None:
        """End the keeper, and with it the mounts. Programs inside must have ended; their files go too."""
        self._keeper.communicate()
        shutil.rmtree(self._folder / "layers")
