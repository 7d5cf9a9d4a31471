"""Real programs and idioms: those that ask a person something, and those that only look as if they might.

A case is a script for bash, run in a folder of its own on a terminal of 80 by 24. `prepare` runs there before, without
a terminal. In both, $SSH_PORT is where an sshd of the tests listens on 127.0.0.1, ./key opens root's account there, and
$SILENT_PORT takes connections and says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from runlet.model.prompt import Kind

ASKS, DRAWS, NOTHING = Kind.PROMPT, Kind.INTERACTIVE, None


@dataclass(frozen=True, slots=True)
class Case:
    """`text` is in the question; `typed` is typed before, piece by piece, each when the program asks."""

    name: str
    script: str
    expected: Kind | None
    text: str = ""
    secret: bool = False
    prepare: str = ""
    typed: tuple[str, ...] = ()


def asks(name: str, script: str, text: str = "", **more: object) -> Case:
    return Case(name, script, ASKS, text, **more)  # type: ignore[arg-type]


def hides(name: str, script: str, text: str = "", **more: object) -> Case:
    return Case(name, script, ASKS, text, secret=True, **more)  # type: ignore[arg-type]


def draws(name: str, script: str, text: str = "", **more: object) -> Case:
    return Case(name, script, DRAWS, text, **more)  # type: ignore[arg-type]


def works(name: str, script: str, **more: object) -> Case:
    return Case(name, script, NOTHING, **more)  # type: ignore[arg-type]


_SSH = "ssh -p $SSH_PORT -o UserKnownHostsFile=./known -i ./key"
_KNOWN = f"{_SSH} -o StrictHostKeyChecking=no -o LogLevel=ERROR"
_AS_NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups"
_GIT = "export GIT_CONFIG_GLOBAL=/dev/null; git init -q . && git config user.name n && git config user.email e@x"
_DPKG = """
mkdir -p root/var/lib/dpkg/info root/var/lib/dpkg/updates root/etc && : >root/var/lib/dpkg/status
for version in 1 2; do
  mkdir -p p$version/DEBIAN p$version/etc
  printf 'Package: asks\\nVersion: %s\\nArchitecture: all\\nMaintainer: n <n@x>\\nDescription: x\\n' $version \
    >p$version/DEBIAN/control
  echo /etc/asks.conf >p$version/DEBIAN/conffiles; echo $version >p$version/etc/asks.conf
  dpkg-deb -b p$version asks$version.deb
done
dpkg --root=root -i asks1.deb; echo mine >root/etc/asks.conf
"""
_DEBCONF = """
printf 'Template: asks/name\\nType: %s\\nDefault: pi\\nDescription: What is the name of this device?\\n A word.\\n' \
  "${KIND:-string}" >asks.templates
printf 'Config: c\nTemplates: t\n' >rc
for name in c t; do printf '\nName: %s\nDriver: File\nFilename: %s\n' $name "$PWD/$name.dat" >>rc; done
cat >asks.config <<'END'
#!/bin/sh
. /usr/share/debconf/confmodule
db_input critical asks/name || true
db_go || true
END
chmod +x asks.config
"""
_DEBCONF_RUN = (
    'DEBCONF_SYSTEMRC="$PWD/rc" DEBIAN_PRIORITY=low DEBIAN_FRONTEND=%s /usr/share/debconf/frontend ./asks.config'
)

ASKING = [
    # --- shells ------------------------------------------------------------------------------------------------------
    asks("bash read", "read answer"),
    asks("bash read -p", "read -p 'Continue? ' answer", "Continue?"),
    asks("bash read -e", "read -e -p 'Which file? ' answer", "Which file?"),
    asks("bash read -n 1", "read -n 1 -p 'Press any key to continue ...' answer", "Press any key"),
    asks("bash read -t", "read -t 60 -p 'Go on? [Y/n] ' answer", "Go on? [Y/n]"),
    asks("bash read from /dev/tty", "exec </dev/null; printf 'Really? '; read answer </dev/tty", "Really?"),
    asks("bash echo, then read", "echo 'Type the name of the disk.'; read disk", "name of the disk"),
    asks("bash sleep, then read in silence", "sleep 1.5; read answer"),
    asks("bash work, then read", "find /usr/lib | head -n 300; read -p 'Delete them? ' answer", "Delete them?"),
    asks("bash read beside a background job", "sleep 60 & read -p 'Stop it? ' answer", "Stop it?"),
    asks("bash read in a loop", "while read -p 'next> ' word; do echo $word; done", "next>", typed=("one\n", "two\n")),
    asks(
        "bash read after a wrong answer", "until [ \"$a\" = y ]; do read -p 'OK [y/n]? ' a; done", "OK", typed=("x\n",)
    ),
    asks("bash mapfile", "echo 'Hosts, one a line:'; mapfile hosts", "Hosts"),
    asks("bash select", "select disk in sda sdb sdc 'none of these'; do break; done", "3) sdc"),
    asks("bash -i", "bash --norc -i", "bash"),
    asks("dash read", "dash -c 'printf \"Proceed (y/N)? \"; read answer'", "Proceed (y/N)?"),
    asks("dash -i", "PS1='sh: ' dash -i", "sh:"),
    asks("zsh", "PS1='zsh%% ' zsh -f", "zsh%"),
    asks(
        "countdown that any key ends",
        "for i in $(seq 60 -1 1); do printf '\\rReboot in %2d s? [Y/n] ' $i; read -t 1 -n 1 && break; done",
        "Reboot in",
    ),
    asks("menu of one's own", "printf ' 1. start\\n 2. stop\\n\\nChoice: '; read choice", "Choice:"),
    asks("dd of a key", "stty -icanon; printf 'Hit a key'; dd bs=1 count=1 2>/dev/null", "Hit a key"),
    asks("question of a pipe's last program", "echo data | { cat; read -p 'Keep it? ' a </dev/tty; }", "Keep it?"),
    asks("question wider than the window", f"read -p '{'long ' * 24}question? ' answer", "long long question?"),
    asks(
        "coloured question",
        "printf '\\033[1;33mUpgrade now?\\033[0m \\033[2m[y/N]\\033[0m '; read a",
        "Upgrade now? [y/N]",
    ),
    asks(
        "question behind a progress bar",
        "for i in 1 2 3; do printf '\\r%s0%%' $i; sleep .1; done; printf '\\r\\033[KOverwrite? '; read a",
        "Overwrite?",
    ),
    hides("bash read -s", "read -s -p 'Password: ' answer", "Password:"),
    hides("stty -echo, then read", "printf 'PIN: '; stty -echo; read pin; stty echo", "PIN:"),
    # --- languages ---------------------------------------------------------------------------------------------------
    asks("python input", "python3 -c 'input(\"Name: \")'", "Name:"),
    asks("python readline", "python3 -c 'import sys; print(\"Age?\", flush=True); sys.stdin.readline()'", "Age?"),
    asks("python input with readline", "python3 -c 'import readline; input(\"Host: \")'", "Host:"),
    asks(
        "python input in a thread",
        "python3 -c 'import threading; t = threading.Thread(target=input, args=(\"Stop? \",)); t.start(); t.join()'",
        "Stop?",
    ),
    asks(
        "python select with a limit",
        'python3 -c \'import select, sys; print("Abort? [y/N] ", end="", flush=True);'
        "select.select([sys.stdin], [], [], 60)'",
        "Abort?",
    ),
    asks(
        "python asyncio reader",
        "python3 -c 'import asyncio, sys\nasync def main():\n"
        ' asyncio.get_running_loop().add_reader(0, lambda: 0); print("Go? ", end="", flush=True)\n'
        " await asyncio.Event().wait()\nasyncio.run(main())'",
        "Go?",
    ),
    asks("python", "python3", ">>>"),
    asks("python pdb", "python3 -c 'breakpoint(); x = 1'", "(Pdb)"),
    hides("python getpass", "python3 -c 'import getpass; getpass.getpass()'", "Password:"),
    draws(
        "python curses",
        "python3 -c 'import curses; curses.wrapper(lambda s: (s.addstr(3, 3, \"Choose one\"), s.getch()))'",
        "Choose one",
    ),
    asks("perl <STDIN>", "perl -e '$| = 1; print \"Continue? \"; <STDIN>'", "Continue?"),
    asks("node", "node", ">"),
    asks(
        "node readline",
        'node -e \'require("readline").createInterface({input: process.stdin, '
        'output: process.stdout}).question("What is your name? ", () => 0)\'',
        "What is your name?",
    ),
    # --- files -------------------------------------------------------------------------------------------------------
    asks("rm -i", "rm -i a", "remove regular", prepare="echo >a"),
    asks("rm -I", "rm -I a b c d", "remove 4 arguments?", prepare="touch a b c d"),
    asks(
        "rm of a protected file",
        f"{_AS_NOBODY} rm a",
        "remove write-protected",
        prepare="chmod 777 .; echo >a; chmod 444 a",
    ),
    asks("cp -i", "cp -i a b", "overwrite", prepare="echo >a; echo >b"),
    asks("mv -i", "mv -i a b", "overwrite", prepare="echo >a; echo >b"),
    asks("ln -i", "ln -s -i a b", "replace", prepare="echo >a; echo >b"),
    asks("find -ok", "find a -ok rm {} ';'", "rm", prepare="echo >a"),
    asks("xargs -p", "echo a | xargs -p rm", "rm a", prepare="echo >a"),
    asks("tar -w", "tar -cwf b.tar a", "a", prepare="echo >a"),
    asks("gzip over a file", "gzip a", "overwrite", prepare="echo >a; echo >a.gz"),
    asks(
        "unzip over a file",
        "unzip a.zip",
        "replace a.txt?",
        prepare='python3 -c \'import zipfile; zipfile.ZipFile("a.zip", "w").writestr("a.txt", "x")\'; echo >a.txt',
    ),
    asks("cat", "cat"),
    asks("sort of what is typed", "sort"),
    asks("cat into a file", "echo 'Paste the key, then Ctrl-D:'; cat >key.pem", "Paste the key"),
    # --- packages ----------------------------------------------------------------------------------------------------
    asks("apt-get remove", "apt-get -o Debug::NoLocking=1 remove bc", "Do you want to continue? [Y/n]"),
    asks("apt remove", "apt -o Debug::NoLocking=1 remove bc", "Do you want to continue? [Y/n]"),
    asks("dpkg conffile", "dpkg --root=root -i asks2.deb", "[default=N]", prepare=_DPKG),
    asks("debconf, readline", _DEBCONF_RUN % "readline", "name of this device", prepare=_DEBCONF),
    asks("debconf, teletype", _DEBCONF_RUN % "teletype", "name of this device", prepare=_DEBCONF),
    draws("debconf, dialog", _DEBCONF_RUN % "dialog", "name of this device", prepare=_DEBCONF),
    asks("pip uninstall", "venv/bin/pip uninstall pip", "Proceed (Y/n)?", prepare="python3 -m venv venv"),
    # --- accounts ----------------------------------------------------------------------------------------------------
    hides("sudo", f"{_AS_NOBODY} sudo -k true", "password for"),
    asks("sudo with a program that asks", "sudo bash -c 'read -p \"As root? \" a'", "As root?"),
    hides("sudo with a program that hides", "sudo -u nobody bash -c 'read -s -p \"Token: \" a'", "Token:"),
    hides("su", f"{_AS_NOBODY} su -c true", "Password:"),
    asks("su with a program that asks", "su -s /bin/bash nobody -c 'read -p \"Who? \" a'", "Who?"),
    hides("passwd", "passwd root", "New password:"),
    hides("passwd, the second time", "passwd root", "Retype new password:", typed=("s3cret-and-long\n",)),
    asks("chsh", "chsh root", "Login Shell"),
    asks("chfn", "chfn root", "Full Name"),
    asks("login", "login", "login:"),
    asks("crontab -r -i", "crontab -u games -r -i", "really delete", prepare="echo '#' | crontab -u games -"),
    # --- keys --------------------------------------------------------------------------------------------------------
    asks("ssh-keygen", "ssh-keygen", "Enter file in which to save the key"),
    hides("ssh-keygen, the passphrase", "ssh-keygen -f ./new", "Enter passphrase (empty for no passphrase):"),
    asks("ssh-keygen over a key", "ssh-keygen -f ./key", "Overwrite (y/n)?"),
    hides(
        "ssh-keygen -y", "ssh-keygen -y -f ./locked", "Enter passphrase", prepare="ssh-keygen -q -N secret -f locked"
    ),
    asks("ssh host key", f"{_SSH} root@127.0.0.1 true", "(yes/no/[fingerprint])?"),
    hides("ssh password", f"{_KNOWN} -o PubkeyAuthentication=no root@127.0.0.1 true", "password:"),
    asks(
        "ssh -t with a program that asks",
        f'{_KNOWN} -t root@127.0.0.1 "bash -c \'read -p \\"Reboot it? [y/N] \\" a\'"',
        "Reboot it? [y/N]",
    ),
    asks("ssh to a shell", f"{_KNOWN} -t root@127.0.0.1 bash --norc -i", "#"),
    hides(
        "ssh-keygen -p",
        "ssh-keygen -p -f ./locked",
        "Enter old passphrase:",
        prepare="ssh-keygen -q -N secret -f locked",
    ),
    asks("gpg --gen-key", "GNUPGHOME=$PWD gpg --gen-key", "Real name:", prepare="chmod 700 ."),
    hides(
        "gpg -c, loopback",
        "GNUPGHOME=$PWD gpg --pinentry-mode loopback -c a",
        "passphrase:",
        prepare="chmod 700 .; echo >a",
    ),
    draws(
        "gpg -c, pinentry-curses",
        "export GPG_TTY=$(tty) GNUPGHOME=$PWD; gpg -c a",
        "assphrase",
        secret=True,
        prepare="chmod 700 .; echo >a; echo 'pinentry-program /usr/bin/pinentry-curses' >gpg-agent.conf",
    ),
    asks("openssl req", "openssl req -newkey rsa:2048 -nodes -keyout k -out c", "Country Name"),
    hides("openssl genrsa", "openssl genrsa -aes256 -out k", "PEM pass phrase:"),
    hides("openssl enc", "openssl enc -aes-256-cbc -in a -out b", "encryption password:", prepare="echo >a"),
    hides("curl -u", "curl -s -u me http://127.0.0.1:$SILENT_PORT", "password for user"),
    # --- disks -------------------------------------------------------------------------------------------------------
    asks("fdisk", "/sbin/fdisk disk", "Command (m for help):", prepare="truncate -s 8M disk"),
    asks(
        "mkfs over a file system",
        "/sbin/mkfs.ext4 disk",
        "Proceed anyway? (y,N)",
        prepare="truncate -s 8M disk; /sbin/mkfs.ext4 -q disk",
    ),
    asks("parted", "/sbin/parted disk", "(parted)", prepare="truncate -s 8M disk"),
    asks(
        "parted mklabel",
        "/sbin/parted disk mklabel gpt",
        "Yes/No?",
        prepare="truncate -s 8M disk; /sbin/parted -s disk mklabel msdos",
    ),
    asks(
        "e2fsck",
        "/sbin/e2fsck -f disk",
        "<y>?",
        prepare="truncate -s 8M disk; /sbin/mkfs.ext4 -q disk; /sbin/debugfs -w -R 'clri <2>' disk",
    ),
    # --- databases, version control ----------------------------------------------------------------------------------
    hides("psql -W", "psql -h 127.0.0.1 -p $SILENT_PORT -W", "Password"),
    asks("sqlite3", "sqlite3", "sqlite>"),
    asks("git credential", "printf 'protocol=https\\nhost=x.org\\n\\n' | git credential fill", "Username for"),
    hides(
        "git credential, the password",
        "printf 'protocol=https\\nhost=x.org\\nusername=n\\n\\n' | git credential fill",
        "Password for",
    ),
    asks(
        "git add -p",
        "git add -p",
        "Stage this hunk",
        prepare=f"{_GIT}; echo >a; git add a; git commit -qm a; echo 1 >a",
    ),
    asks("git clean -i", "git clean -i", "What now>", prepare=f"{_GIT}; echo >a"),
    asks(
        "git send-email style confirmation",
        "printf 'Send this email? ([y]es|[n]o|[e]dit|[q]uit|[a]ll): '; read a",
        "Send this email?",
    ),
    draws(
        "git rebase -i",
        "GIT_EDITOR=vim git rebase -i HEAD~1",
        "pick",
        prepare=f"{_GIT}; git commit -q --allow-empty -m a; git commit -q --allow-empty -m b",
    ),
    draws(
        "git commit",
        "GIT_EDITOR=nano git commit",
        "Please enter the commit message",
        prepare=f"{_GIT}; echo >a; git add a",
    ),
    asks(
        "git log",
        "git log",
        "a change",
        prepare=f'{_GIT}; for i in $(seq 30); do git commit -q --allow-empty -m "a change $i"; done',
    ),
    # --- dialogs and screens -----------------------------------------------------------------------------------------
    draws("whiptail --yesno", "whiptail --yesno 'Reboot now?' 10 40", "Reboot now?"),
    draws("whiptail --menu", "whiptail --menu 'Which one?' 15 40 4 a first b second", "second"),
    draws("whiptail --passwordbox", "whiptail --passwordbox 'The passphrase?' 10 40", "The passphrase?", secret=True),
    draws("dialog --passwordbox", "dialog --passwordbox 'To unlock sda2' 10 40", "To unlock sda2", secret=True),
    draws("whiptail in the C locale", "LC_ALL=C whiptail --yesno 'Reboot?' 8 30", "Reboot?"),
    draws(
        "dialog --form", "dialog --form Network 12 50 2 IP: 1 1 10.0.0.1 1 9 15 0 Mask: 2 1 x 2 9 15 0", "Network IP:"
    ),
    draws("dialog --calendar", "dialog --calendar When? 0 0 1 1 2030", "When?"),
    draws("dialog --inputbox", "dialog --inputbox 'Its name?' 10 40", "Its name?"),
    draws("fzf", "printf 'one\\ntwo\\nthree\\n' | fzf", "three"),
    draws("less", "less /etc/services", "discard"),
    asks("more", "more /etc/services", "--More--"),
    draws("vim", "vim -u NONE a", "hello", prepare="echo hello >a"),
    draws("nano", "nano a", "hello", prepare="echo hello >a"),
    draws("top", "top", "load average"),
    draws("htop", "htop", "Load average"),
    draws("watch", "watch date", "Every 2.0s"),
    draws("dialog --pause", "dialog --pause Rebooting 8 30 60", "Rebooting"),
    draws("tmux", "env -u TMUX tmux -L corpus-$RANDOM -f /dev/null new"),
    # --- prompts of their own ----------------------------------------------------------------------------------------
    asks("bc", "bc"),
    asks("dc", "dc"),
    asks("ed", "ed -p '*' a", "*", prepare="echo >a"),
    asks("cat into nc", "printf 'Type to it: '; cat | nc 127.0.0.1 $SILENT_PORT"),
    asks(
        "script with a program that asks",
        "script -q -c \"read -p 'Record? ' a\" /dev/null",
        "Record?",
    ),
    asks(
        "make with a recipe that asks",
        "make -s",
        "Install?",
        prepare="printf 'all:\\n\\t@printf \"Install? \"; read a\\n' >Makefile",
    ),
    # --- key by key, without an echo ---------------------------------------------------------------------------------
    hides("bash read -s -n", "read -s -n 8 -p 'PIN: ' pin", "PIN:"),
    hides(
        "node in raw mode",
        'node -e \'process.stdout.write("Secret: "); process.stdin.setRawMode(true).on("data", () => 0)\'',
        "Secret:",
    ),
    hides(
        "python tty.setraw",
        "python3 -c 'import sys, tty; print(end=\"Password: \", flush=True); tty.setraw(0); sys.stdin.read(1)'",
        "Password:",
    ),
    asks("bash read -e beside a word for secrets", "read -e -p 'Reset the password? [y/N] ' a", "Reset the password?"),
    # --- ways to wait ------------------------------------------------------------------------------------------------
    asks(
        "python poll",
        "python3 -c 'import select; print(end=\"Which? \", flush=True); p = select.poll(); p.register(0, 1); p.poll()'",
        "Which?",
    ),
    asks("node stdin", 'node -e \'process.stdout.write("Data? "); process.stdin.on("data", () => 0)\'', "Data?"),
    asks("awk getline from /dev/tty", 'awk \'BEGIN { printf "Which? "; getline x <"/dev/tty" }\'', "Which?"),
    asks("setsid -w", "setsid -w bash -c 'read -p \"Of another session? \" a'", "Of another session?"),
    asks("question through tee", "bash -c 'read -p \"Written down? \" a' 2>&1 | tee log", "Written down?"),
    asks(
        "python beside a thread that works",
        "python3 -c 'import threading, time\n"
        'threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); input("Beside it? ")\'',
        "Beside it?",
    ),
    asks("bash read -t behind a line", "echo 'Type a name within a minute'; read -t 60 a", "Type a name"),
    asks(
        "countdown below a question",
        "printf 'Keep the settings?\\n\\nPress ENTER to keep them\\n\\n'; "
        "for i in $(seq 60 -1 1); do printf 'Undone in %2d s\\r' $i; read -t 1 && break; done",
        "Undone in",
    ),
    asks(
        "cursor that blinks",
        "stty -icanon -echo; while :; do printf '\\rName _'; read -t 0.3 -n 1 && break; printf '\\rName  '; "
        "read -t 0.3 -n 1 && break; done",
        "Name",
    ),
    asks(
        "key that is looked for in silence",
        "stty -icanon -echo; printf 'Name of the device '; until read -t 0.4 -n 1; do :; done",
        "Name of the device",
    ),
    asks(
        "python beside a hundred threads",
        "python3 -c 'import threading, time\n"
        "[threading.Thread(target=time.sleep, args=(60,), daemon=True).start() for _ in range(100)]\n"
        't = threading.Thread(target=input, args=("Late? ",), daemon=True); t.start(); t.join()\'',
        "Late?",
    ),
    asks("setsid -c -w", "setsid -c -w bash -c 'read -p \"Of a stolen terminal: \" a'", "Of a stolen terminal:"),
    asks(
        "question above a footer",
        "clear; printf ' 1. Network\\n 2. Exit\\n\\n\\n\\nfirmware 1.2'; tput cup 3 0; read -p 'Option: ' a",
        "Option:",
    ),
    asks("question in a box", "printf '┌───────┐\\n│ Größe? │\\n└───────┘\\n» '; read a", "Größe?"),
    asks("question below a status line", "printf '\\n\\0337\\033[1;1Hbusy\\0338Continue? '; read a", "Continue?"),
    asks(
        "question that others print behind",
        "(sleep 0.5; for i in 1 2 3 4; do echo tick $i; sleep 0.3; done) & read -p 'Stop them? ' a",
        "Stop them?",
    ),
    asks("question and choices on two lines", "printf 'Overwrite a.conf\\n(y/n)? '; read a", "Overwrite a.conf (y/n)?"),
    hides(
        "stars in Portuguese",
        "p=; printf 'Senha: '; while IFS= read -r -s -n1 c && [ -n \"$c\" ]; do p=$p$c; printf '*'; done",
        "Senha:",
    ),
    hides(
        "script with a program that hides",
        "SHELL=/bin/bash script -qc 'read -s -p \"Kennwort: \" a </dev/tty' /dev/null",
        "Kennwort:",
    ),
    hides("sudo with a program that hides on /dev/tty", "sudo bash -c 'read -s -p \"Nova: \" a </dev/tty'", "Nova:"),
    hides(
        "ssh -t with a program that hides", f"{_KNOWN} -t root@127.0.0.1 'read -s -p \"Contraseña: \" a'", "Contraseña:"
    ),
    asks(
        "ssh -t with a question in Japanese",
        f"{_KNOWN} -t root@127.0.0.1 'read -p \"続行しますか\uff1f \" a'",
        "続行しますか",
    ),
    asks("ssh -t with a name", f"{_KNOWN} -t root@127.0.0.1 'read -p \"Nome do host: \" a'", "Nome do host:"),
    draws("ssh -t top", f"{_KNOWN} -t root@127.0.0.1 top", "load average"),
    asks("code that is no secret", "read -e -p 'ZIP code: ' a", "ZIP code:"),
    asks(
        "node question behind a line that was drawn again",
        "node -e 'const out = process.stdout; let n = 0; const timer = setInterval(() => { "
        'if (n++ < 12) return out.write("\\x1b[1G\\x1b[2K" + n); clearInterval(timer); out.write("\\n"); '
        'require("readline").createInterface({input: process.stdin, output: out}).question("Proceed? (y/n) ", () => 0)'
        "}, 40)'",
        "Proceed? (y/n)",
    ),
    asks(
        "editor that asks where its cursor is",
        'python3 -c \'import os, tty\ntty.setraw(0); os.write(1, b"some words \\x1b[6n")\n'
        'place = b""\nwhile not place.endswith(b"R"): place += os.read(0, 1)\n'
        'os.write(1, b"\\r\\nName at %b: " % place[2:-1]); os.read(0, 1)\'',
        "Name at 1;12:",
    ),
    asks(
        "perl select with a limit",
        "perl -e '$| = 1; print \"Hostname: \"; vec($r, 0, 1) = 1; select $r, $x, $x, 45'",
        "Hostname:",
    ),
    asks(
        "a key of German choices",
        'perl -e \'$| = 1; system "stty cbreak -echo"; print "Sicher (j/n)? "; sysread STDIN, $x, 1\'',
        "Sicher (j/n)?",
    ),
    asks("a hidden key of a menu", "printf '1) Start\\n2) Stop\\n\\n'; read -rsn1 -p 'Ihre Wahl: ' a", "Ihre Wahl:"),
    asks("a hidden key to go on, in French", "read -rsn1 -p 'Appuyez sur une touche pour continuer' a", "Appuyez"),
    asks(
        "question on two lines",
        "printf 'Do you want to overwrite the\\nold settings (yes/no)? '; read a",
        "overwrite the old settings",
    ),
    asks(
        "expect that passes on", "expect -c 'spawn -noecho bash -c {read -p \"Passed on: \" a}; interact'", "Passed on:"
    ),
    hides(
        "su -P with a program that hides",
        "su -P -s /bin/bash nobody -c 'read -s -p \"Geheimnis \" a </dev/tty'",
        "Geheimnis",
    ),
    draws(
        "dialog --mixedform",
        "dialog --mixedform Login 12 50 2 User: 1 1 '' 1 10 15 0 0 Key: 2 1 '' 2 10 15 0 1",
        "Login",
        secret=True,
    ),
    draws(
        "ssh -t whiptail --passwordbox",
        f"{_KNOWN} -t root@127.0.0.1 \"whiptail --passwordbox 'PIN of the card' 10 40\"",
        "PIN of the card",
        secret=True,
    ),
    asks("question in Japanese", "printf '続行しますか: '; read a", "続行しますか:"),
    asks(
        "key that is looked for between naps",
        "python3 -c 'import os, time, tty\ntty.setcbreak(0); os.set_blocking(0, False)\n"
        'print("Check the lamp, then press enter:", flush=True)\nwhile True:\n try: os.read(0, 1)\n'
        " except BlockingIOError: pass\n time.sleep(0.02)'",
        "Check the lamp",
    ),
    asks(
        "lines that are drawn again for their cursor",
        'python3 -c \'import select, tty\ntty.setraw(0); up = ""\nwhile True:\n for cursor in "_ ":\n'
        '  print(end=up + "What is it called?\\r\\n> " + cursor + "\\r\\n(esc leaves)\\r\\n", flush=True)\n'
        '  up = "\\x1b[1A\\x1b[2K" * 3; select.select([0], [], [], 0.5)\'',
        "What is it called?",
    ),
    draws(
        "pager without a screen of its own",
        "stty -icanon -echo; for i in $(seq 23); do printf '\\033[Kline %s\\n' $i; done; "
        "printf '\\033[24;0H\\033[Kfoot'; dd bs=1 count=1 2>/dev/null",
        "line 9",
    ),
]

WORKING = [
    # --- silence -----------------------------------------------------------------------------------------------------
    works("sleep", "sleep 60"),
    works("sleep behind a line", "echo Waiting for the disk; sleep 60"),
    works("sleep behind half a line", "printf 'Waiting for the disk... '; sleep 60"),
    works("sleep behind what reads like a question", "printf 'Continue? [y/N] '; sleep 60"),
    works("sleep behind a colon", "printf 'Checking: '; sleep 60"),
    works("sleep behind a word for secrets", "printf 'Password: '; sleep 60"),
    works("work behind a question mark", "printf 'Is it up? '; while :; do :; done"),
    works("bash busy loop", "while :; do :; done"),
    works("bash wait", "sleep 60 & wait"),
    works("bash background jobs", "for i in 1 2 3; do (sleep 60; echo $i) & done; echo started; wait"),
    works("bash read from a FIFO", "mkfifo f; exec 3<>f; read -u 3 line"),
    works("bash read from a pipe", "sleep 60 | while read line; do echo $line; done"),
    works("bash trap and wait", "trap 'echo bye' TERM; sleep 60 & wait $!"),
    works("bash sleep in a loop", "while :; do sleep 0.3; done"),
    works("echo off, and sleep", "stty -echo; printf 'Working'; sleep 60"),
    works("timeout", "timeout 60 sleep 60"),
    works("flock", "exec 3>lock; flock 3; flock lock echo got it"),
    works("cat of a FIFO", "mkfifo f; cat f"),
    works("setsid sleep", "setsid -w sleep 60"),
    works("sudo sleep", "sudo sleep 60"),
    works("sudo -u behind half a line", "printf 'Migrating: '; sudo -u nobody sleep 60"),
    works("script", "script -q -c 'sleep 60' /dev/null"),
    works("script of half a line, behind half a line", "script -q -c 'printf \"Building: \"; sleep 60' /dev/null"),
    works("expect that waits", "expect -c 'set timeout 60; spawn cat; expect never'"),
    works("strace", "strace -o trace sleep 60"),
    # --- progress ----------------------------------------------------------------------------------------------------
    works("progress with \\r", "for i in $(seq 100); do printf '\\rCopying: %3d%%' $i; sleep 0.1; done"),
    works(
        "slow progress with \\r", "for i in $(seq 9); do printf '\\r[%-9s]' $(printf '#%.0s' $(seq $i)); sleep 1; done"
    ),
    works("dots", "printf 'Formatting'; while :; do printf .; sleep 0.4; done"),
    works("spinner", "while :; do for c in / - '\\\\' '|'; do printf '\\rthinking %s' \"$c\"; sleep 0.15; done; done"),
    works("a step after another", "for s in fetch unpack build; do printf '%s: ' $s; sleep 1; echo ok; done; sleep 60"),
    works("dd status=progress", "dd if=/dev/zero of=/dev/null bs=64k status=progress"),
    works("yes into head", "yes | head -n 20000000 >/dev/null; sleep 60"),
    works("yes", "yes 'Continue? [y/n]'"),
    # --- work --------------------------------------------------------------------------------------------------------
    works("find /", "find / -xdev -name '*.never'; sleep 60"),
    works("du", "du -sx / 2>/dev/null; sleep 60"),
    works("tar", "tar -cf - /usr 2>/dev/null | cat >/dev/null; sleep 60"),
    works("gzip", "head -c 1G /dev/zero | gzip >/dev/null; sleep 60"),
    works("xz", "head -c 200M /dev/urandom | xz -9 >/dev/null"),
    works("sha256sum", "sha256sum /dev/zero"),
    works("sort", "seq 3000000 | sort -R >/dev/null; sleep 60"),
    works("compile", "while :; do tcc -c a.c; done", prepare="seq -f 'int f%.0f(void) { return 0; }' 20000 >a.c"),
    works("make", "make -s", prepare="printf 'all:\\n\\t@printf \"Linking: \"; sleep 60\\n' >Makefile"),
    works("openssl speed", "openssl speed -seconds 10 sha256"),
    works("top -b", "top -b -d 1"),
    works("vmstat", "vmstat 1"),
    works("git gc", "git gc -q; sleep 60", prepare=_GIT),
    # --- languages ---------------------------------------------------------------------------------------------------
    works("python busy loop", "python3 -c 'while True: pass'"),
    works("python sleep", 'python3 -c \'import time; print("Solving? ", end="", flush=True); time.sleep(60)\''),
    works("python asyncio", "python3 -c 'import asyncio; asyncio.run(asyncio.sleep(60))'"),
    works(
        "python threads",
        "python3 -c 'import threading, time; [threading.Thread(target=time.sleep, args=(60,)).start() "
        "for _ in range(9)]'",
    ),
    works("python subprocess", 'python3 -c \'import subprocess; subprocess.run(["sleep", "60"])\''),
    works(
        "python busy, with a thread for commands",
        "python3 -c 'import threading\nthreading.Thread(target=input).start(); print(\"up\")\nwhile True: pass'",
    ),
    works("python http.server", "python3 -m http.server 0 --bind 127.0.0.1"),
    works(
        "python looking at its keys",
        "python3 -c 'import select, sys\nwhile True:\n sum(range(300000)); select.select([sys.stdin], [], [], 0)'",
    ),
    works("perl sleep", "perl -e '$| = 1; print \"Reading: \"; sleep 60'"),
    works("node timer", "node -e 'process.stdout.write(\"Bundling: \"); setTimeout(() => 0, 60000)'"),
    works("node server", 'node -e \'require("http").createServer().listen(0, "127.0.0.1")\''),
    works(
        "sqlite3 query",
        "sqlite3 :memory: 'with recursive c(x) as (select 1 union all select x+1 from c) select count(*) from c;'",
    ),
    # --- network, and files that grow --------------------------------------------------------------------------------
    works("curl to a silent port", "curl http://127.0.0.1:$SILENT_PORT/"),
    works("curl behind half a line", "printf 'Fetching the list: '; curl -s http://127.0.0.1:$SILENT_PORT/"),
    works(
        "python connect",
        'python3 -c \'import socket, os; s = socket.create_connection(("127.0.0.1", '
        'int(os.environ["SILENT_PORT"]))); print("Reply: ", end="", flush=True); s.recv(1)\'',
    ),
    works(
        "apt-get update to nowhere",
        "apt-get -o Dir::State=$PWD -o Dir::Cache=$PWD -o Debug::NoLocking=1 "
        "-o Dir::Etc::SourceList=$PWD/list -o Dir::Etc::SourceParts=- update",
        prepare="echo deb http://127.0.0.1:$SILENT_PORT/ x main >list; mkdir -p lists/partial archives/partial",
    ),
    works("git clone from a silent port", "git clone http://127.0.0.1:$SILENT_PORT/x"),
    works("ssh to a silent port", "ssh -p $SILENT_PORT root@127.0.0.1 true"),
    works("ssh sleep", f"{_KNOWN} root@127.0.0.1 sleep 60"),
    works("ssh -t sleep", f"{_KNOWN} -t root@127.0.0.1 'printf \"Rebooting: \"; sleep 60'"),
    works(
        "scp",
        "scp -q -P $SSH_PORT -o UserKnownHostsFile=./known -o StrictHostKeyChecking=no -i ./key "
        "root@127.0.0.1:/dev/zero /dev/null",
    ),
    works("psql to a silent port", "psql -h 127.0.0.1 -p $SILENT_PORT"),
    works("ping", "ping -i 1 127.0.0.1"),
    works("nc -l", "nc -l 127.0.0.1 0"),
    works("nc to a server", "nc 127.0.0.1 $SILENT_PORT"),
    works("openssl s_client", "openssl s_client -connect 127.0.0.1:$SILENT_PORT"),
    works("tail -f", "echo last line >log; tail -f log"),
    works("tail -f of half a line", "printf 'Enter: ' >log; tail -f log"),
]

# Whole screens, and terminals within terminals.
_STEPS = "for i in $(seq 0 2 60); do echo $i; sleep 0.3; done"
WORKING += [
    works("whiptail --gauge", f"{_STEPS} | whiptail --gauge Installing 8 50 0"),
    works("dialog --gauge", f"{_STEPS} | dialog --gauge Installing 8 50 0"),
    works("sudo script of half a line", "sudo -n script -qc \"printf 'Continue? [y/N] '; sleep 60\" /dev/null"),
    works("su -P behind a word for secrets", "su -P nobody -s /bin/bash -c \"printf 'Password: '; sleep 60\""),
    works("raw mode, and sleep", "stty -icanon -echo; printf 'Working on it '; sleep 60"),
    works(
        "python epoll of a port and of its keys",
        'python3 -c \'import select, socket; port = socket.create_server(("127.0.0.1", 0)); print("Serving")\n'
        "e = select.epoll(); e.register(port, 1); e.register(0, 1); e.poll()'",
    ),
    works(
        "a look at the keys between steps", "for i in $(seq 999); do printf '\\rStep %d' $i; read -t 0.05 -n 1; done"
    ),
]

# Those that read what is typed too, or seem to.
WORKING += [
    works("work behind a hidden line", "stty -echo; printf 'Password accepted, unlocking: '; sleep 60"),
    works("look for a hidden line, and work", "stty -echo; printf 'Password: '; read -t .1 a; sleep 60"),
    works(
        "node that prints dots",
        'node -e \'process.stdin.on("data", () => 0); setInterval(() => process.stdout.write("."), 700)\'',
    ),
    works(
        "python that prints dots, with a thread for commands",
        "python3 -c 'import threading, time\nthreading.Thread(target=input, daemon=True).start()\n"
        'while True: print(end=".", flush=True); time.sleep(0.7)\'',
    ),
    works(
        "python that prints lines, with a thread for the end of input",
        "python3 -c 'import sys, threading, time\nthreading.Thread(target=sys.stdin.read, daemon=True).start()\n"
        'while True: print("built", flush=True); time.sleep(0.7)\'',
    ),
    works(
        "python asyncio server with a reader of commands",
        "python3 -c 'import asyncio, socket\nasync def main():\n"
        " kept = [socket.socket() for _ in range(3)]\n"
        ' await asyncio.start_server(print, "127.0.0.1", 0); asyncio.get_running_loop().add_reader(0, print)\n'
        ' print("serving", flush=True); await asyncio.Event().wait()\nasyncio.run(main())\'',
    ),
    works(
        "python epoll of a connection beside a pair of sockets",
        "python3 -c 'import os, select, socket\npair = socket.socketpair()\n"
        'peer = socket.create_connection(("127.0.0.1", int(os.environ["SILENT_PORT"])))\n'
        "e = select.epoll(); [e.register(file, 1) for file in (0, peer, pair[0])]; e.poll()'",
    ),
    works(
        "keys that are looked for without a wait",
        "python3 -c 'import os, termios, time\nmodes = termios.tcgetattr(0)\n"
        "modes[3] &= ~termios.ICANON; modes[6][termios.VMIN] = 0; modes[6][termios.VTIME] = 2\n"
        'termios.tcsetattr(0, 0, modes); print("up", flush=True)\nwhile True: os.read(0, 1)\'',
    ),
    works("node that prints lines", "node -e 'process.stdin.resume(); setInterval(() => console.log(\"alive\"), 900)'"),
    works("sudo that works behind a question", "sudo sh -c 'printf \"Delete all? \"; sleep 60'"),
    works(
        "progress at the foot of the screen",
        "stty -icanon -echo; for i in $(seq 9); do printf '\\0337\\033[24;1fDone: %s0%%\\0338' $i; sleep 0.6; done",
    ),
    works("hidden echo and work behind words for a secret", "stty -echo; printf 'Mot de passe : '; sleep 60"),
    works("ssh of half a question", f"{_KNOWN} root@127.0.0.1 \"printf 'Are you sure? [y/N] '; sleep 60\""),
    works("ssh of steps", f"{_KNOWN} root@127.0.0.1 'for i in $(seq 9); do printf \"step $i? \"; sleep 0.7; done'"),
]

WORKING += [
    works(
        "gauge that looks at its keys",
        "python3 -c 'import select, tty\ntty.setcbreak(0); n = 0\nwhile True:\n n += 1\n"
        ' print("\\r%d copied (q stops)" % n, end="", flush=True); select.select([0], [], [], 0.5)\'',
    ),
    works(
        "gauge that looks at its keys between naps",
        "python3 -c 'import os, time, tty\ntty.setcbreak(0); os.set_blocking(0, False); n = 0\nwhile True:\n n += 1\n"
        " try: os.read(0, 1)\n except BlockingIOError: pass\n"
        ' print("\\r%d copied (q stops)" % n, end="", flush=True); time.sleep(0.4)\'',
    ),
    works(
        "event loop with a timer, and a thread for commands",
        "python3 -c 'import os, select, threading\nthreading.Thread(target=os.read, args=(0, 1), daemon=True).start()\n"
        "own = os.eventfd(0); e = select.epoll(); e.register(own, 1)\n"
        'while True: print("alive", flush=True); e.poll(0.7)\'',
    ),
]

CASES = [*ASKING, *WORKING]

# What is not on every Debian: scripts/install-test-tools installs it.
PROGRAMS = (
    *("bc", "crontab", "curl", "dc", "dialog", "ed", "expect", "fzf", "gpg", "htop", "less", "nano", "nc", "node"),
    *("openssl", "pinentry-curses", "ping", "psql", "script", "sqlite3", "ssh", "strace", "sudo", "tcc", "tmux", "top"),
    *("unzip", "vim", "vmstat", "watch", "whiptail", "xz", "zsh"),
    *("/sbin/debugfs", "/sbin/fdisk", "/sbin/mkfs.ext4", "/sbin/parted", "/usr/sbin/sshd"),
)
