"""What real systems say of themselves: the the files that facts come from, shortened where they are long."""

from __future__ import annotations

from datetime import UTC, datetime

from runlet.agent.facts import (
    DMI_MODEL,
    IPV6,
    MEMORY,
    OS_RELEASE,
    ROUTES,
    THROTTLED,
    TIMEZONE,
    TREE_MODEL,
    UPTIME,
    Machine,
)

NOON = datetime(2026, 3, 31, 12, 0, 0, tzinfo=UTC)


def machine(**changes: object) -> Machine:
    """A small server with Linux, but for `changes`."""
    told: dict[str, object] = {
        "system": "Linux",
        "hostname": "attic",
        "kernel": "6.1.0-18-amd64",
        "arch": "x86_64",
        "cpus": 2,
        "bits": 64,
        "python": "3.11.2",
        "timezone": "",
        "localtime": "",
        "now": NOON,
    }
    return Machine(**told | changes)  # type: ignore[arg-type]


DEBIAN = {
    OS_RELEASE: """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
""",
    MEMORY: """\
MemTotal:        2014596 kB
MemFree:          149788 kB
MemAvailable:    1601244 kB
""",
    UPTIME: "86398.53 171034.92\n",
    ROUTES: """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     +-- 192.0.2.0/24 2 0 2
        +-- 192.0.2.0/30 2 0 2
           |-- 192.0.2.0
              /24 link UNICAST
           |-- 192.0.2.20
              /32 link UNICAST
              /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
     |-- 10.1.2.3
        /32 host LOCAL
     |-- 169.254.7.7
        /32 host LOCAL
Local:
     +-- 127.0.0.0/8 2 0 2
           |-- 127.0.0.1
              /32 host LOCAL
           |-- 192.0.2.20
              /32 link UNICAST
              /32 host LOCAL
     |-- 10.1.2.3
        /32 host LOCAL
     |-- 169.254.7.7
        /32 host LOCAL
""",
    IPV6: """\
20010db8000000000000000000000002 04 40 00 82     eth0
20010db8000000001111222233334444 04 40 00 01     eth0
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
fd000000000000000000000000000002 04 40 00 80     eth0
00000000000000000000000000000001 01 80 10 80       lo
""",
    TIMEZONE: "Europe/Berlin\n",
}

RASPBERRY_PI_OS = {
    OS_RELEASE: """\
PRETTY_NAME="Raspbian GNU/Linux 12 (bookworm)"
NAME="Raspbian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=raspbian
ID_LIKE=debian
HOME_URL="http://www.raspbian.org/"
""",
    MEMORY: "MemTotal:         440728 kB\n",
    UPTIME: "61.02 40.11\n",
    TREE_MODEL: "Raspberry Pi 3 Model B Plus Rev 1.3\0",
    THROTTLED: "50005\n",
}

ALPINE = {
    OS_RELEASE: """\
NAME="Alpine Linux"
ID=alpine
VERSION_ID=3.20.3
PRETTY_NAME="Alpine Linux v3.20"
HOME_URL="https://alpinelinux.org/"
""",
    MEMORY: "MemTotal:         120428 kB\n",
}

FEDORA = {
    OS_RELEASE: """\
NAME="Fedora Linux"
VERSION="40 (Workstation Edition)"
ID=fedora
VERSION_ID=40
VERSION_CODENAME=""
PLATFORM_ID="platform:f40"
PRETTY_NAME="Fedora Linux 40 (Workstation Edition)"
""",
    DMI_MODEL: "20XW0055GE\n",
}

ROCKY = {
    OS_RELEASE: 'NAME="Rocky Linux"\nVERSION="9.4 (Blue Onyx)"\nID="rocky"\nID_LIKE="rhel centos fedora"\n'
    'VERSION_ID="9.4"\nPRETTY_NAME="Rocky Linux 9.4 (Blue Onyx)"\n'
}

MANJARO = {
    OS_RELEASE: 'NAME="Manjaro Linux"\nPRETTY_NAME="Manjaro Linux"\nID=manjaro\nID_LIKE=arch\nBUILD_ID=rolling\n'
}

LEAP = {
    OS_RELEASE: 'NAME="openSUSE Leap"\nVERSION="15.6"\nID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="15.6"\n'
}

NIXOS = {OS_RELEASE: "ID=nixos\nVERSION_ID='24.05'\nPRETTY_NAME='NixOS 24.05 (Uakari)'\n"}

BATTERY = """\
POWER_SUPPLY_NAME=BAT0
POWER_SUPPLY_TYPE=Battery
POWER_SUPPLY_STATUS=Discharging
POWER_SUPPLY_PRESENT=1
POWER_SUPPLY_TECHNOLOGY=Li-poly
POWER_SUPPLY_CAPACITY=83
POWER_SUPPLY_CAPACITY_LEVEL=Normal
"""
SECOND_BATTERY = BATTERY.replace("BAT0", "BAT1").replace("Discharging", "Unknown").replace("=83", "=40")
MAINS = "POWER_SUPPLY_NAME=AC\nPOWER_SUPPLY_TYPE=Mains\nPOWER_SUPPLY_ONLINE=0\n"
MOUSE = """\
POWER_SUPPLY_NAME=hidpp_battery_0
POWER_SUPPLY_TYPE=Battery
POWER_SUPPLY_SCOPE=Device
POWER_SUPPLY_STATUS=Discharging
POWER_SUPPLY_CAPACITY=5
"""
