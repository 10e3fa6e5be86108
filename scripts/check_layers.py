#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""check_layers.py [ROOT]: no room knows a room above or beside it.

A room is a folder and its library. The table ROOMS says which rooms each may use; everything else is refused: an
include or a linked library of a room that is not in its row, a private header (*_priv.h) of another room, a library
kept to one room (KEPT), a header that does not exist, a folder that no row describes, and includes in a circle.
"""
import re
import sys
from pathlib import Path
from typing import NamedTuple

# Settings are declared everywhere from level 2 up, with this header of conf and no other.
SCHEMA = "core/conf/schema.h"


class Room(NamedTuple):
    """level: arrows point to a smaller one only. uses: rooms, or single headers of a room, that it may include."""
    level: int
    uses: tuple[str, ...]


BASE = "core/base"
SIGNALLING = {
    "core/base": Room(0, ()),
    "core/event": Room(1, (BASE,)),
    "core/conf": Room(1, (BASE,)),
    "core/sip": Room(1, (BASE,)),
    "core/sdp": Room(1, (BASE,)),
    "core/gate": Room(1, (BASE,)),
    "core/transport": Room(2, (BASE, "core/sip", "core/event", "core/gate", SCHEMA)),
    "core/chain": Room(2, (BASE, "core/sip", "core/sdp", "core/gate", "core/conf")),
    "core/transaction": Room(3, (BASE, "core/transport", "core/sip", "core/event", SCHEMA)),
    "core/router": Room(4, (BASE, "core/transaction", "core/transport", "core/sip", "core/event", SCHEMA)),
    "core/ctl": Room(4, (BASE,)),
}
MEDIA = {
    "rtpengine/packet": Room(1, (BASE,)),
    "rtpengine/kernel": Room(1, (BASE,)),
    "rtpengine/control/proto": Room(1, (BASE,)),
    "rtpengine/control/server": Room(2, (BASE, "rtpengine/control/proto", "core/event", SCHEMA)),
    "rtpengine/control/client": Room(2, (BASE, "rtpengine/control/proto", "core/event", SCHEMA)),
    "rtpengine/secure": Room(2, (BASE, "rtpengine/packet", SCHEMA)),
    "rtpengine/socket": Room(3, (BASE, "rtpengine/packet", "rtpengine/secure", "rtpengine/kernel/kernel.h",
                                 "core/event", SCHEMA)),
    "rtpengine/session": Room(4, (BASE, "rtpengine/socket", "rtpengine/secure", "rtpengine/kernel/kernel.h",
                                  "core/sdp", "rtpengine/control/proto", SCHEMA)),
}
ROOMS = SIGNALLING | MEDIA | {
    "core/daemon": Room(5, tuple(SIGNALLING)),
    "rtpengine/daemon": Room(5, tuple(MEDIA) + (BASE, "core/event", "core/conf", "core/sdp")),
}
# A module sees one header, and modules/media the relay's client too; modules do not see each other. A module's test is a
# daemon in small, which a header of the chain provides.
MODULE = Room(4, ("core/chain/mg_module.h",))
MEDIA_MODULE = Room(4, ("core/chain/mg_module.h", "rtpengine/control/client.h"))
MODULE_TEST = re.compile(r"^modules/\w+/\w+_test\.c$")
TEST_HEADER = "core/chain/test_module.h"

# The three files of rtpengine/control are rooms of their own; a header shows which.
CONTROL = re.compile(r"^rtpengine/control/(proto|server|client)(_\w+)?\.[ch]$")
# Libraries that belong to rooms: header, linked target, who may see it. (None: everybody but base.)
KEPT = [
    (re.compile(r"^(event2/|event\.h|evdns\.h|evhttp\.h|evutil\.h|evrpc\.h)"), re.compile(r"libevent|^event_\w+$", re.I),
     "libevent", "core/event"),
    (re.compile(r"^libconfig\.h"), re.compile(r"libconfig", re.I), "libconfig", "core/conf"),
    (re.compile(r"^openssl/"), re.compile(r"^OpenSSL::|^(ssl|crypto)$"), "OpenSSL", None),
]
TREES = ("core", "rtpengine", "modules", "tests")
INCLUDE_ROOTS = ("core", "rtpengine", "modules", "tests", "")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.M)
COMMAND = re.compile(r"^[ \t]*(mg_room|mg_test|target_link_libraries)\s*\(([^)]*)\)", re.M)


def room_of(path: str) -> str | None:
    """The room a file belongs to: "core/sip"; "tests" for what lies above all rooms; None when nothing describes it."""
    if path.startswith("tests/"):
        return "tests"
    if CONTROL.match(path):
        return "rtpengine/control/" + CONTROL.match(path)[1]
    folder = path.rpartition("/")[0]
    if folder in ROOMS or re.fullmatch(r"modules/\w+", folder):
        return folder
    return "rtpengine/kernel" if folder == "rtpengine/kernel/bpf" else None


def row_of(room: str) -> Room:
    if room.startswith("modules/"):
        return MEDIA_MODULE if room == "modules/media" else MODULE
    return ROOMS[room]


def may_use(room: str, header: str, path: str) -> bool:
    """`room` may include, in its file `path`, the file `header`, which exists."""
    other = room_of(header)
    if MODULE_TEST.match(path) and header == TEST_HEADER:
        return True
    return room in ("tests", other) or other in row_of(room).uses or header in row_of(room).uses


def kept_from(room: str, name: str, column: int) -> str | None:
    """Why `room` may not see the library that `name` (column 0: a header, 1: a link target) belongs to, if so."""
    for *pattern, library, owner in KEPT:
        if pattern[column].search(name) and room != "tests" and (room != owner if owner else room == BASE):
            return f"{library} is for {owner} only" if owner else f"{library} is not for {BASE}"
    return None


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


class Tree:
    """The sources below `root` and what is wrong with them."""

    def __init__(self, root: Path):
        self.root = root
        self.faults: list[str] = []
        self.arrows: dict[str, list[str]] = {}
        self.paths = sorted(str(path.relative_to(root)) for tree in TREES for path in (root / tree).rglob("*")
                            if path.is_file())

    def check(self) -> list[str]:
        for path in self.paths:
            if path.endswith((".c", ".h")):
                self.check_source(path)
            elif path.endswith("/CMakeLists.txt"):
                self.check_cmake(path)
        self.check_circles()
        return self.faults

    def fault(self, path: str, line: int, text: str) -> None:
        self.faults.append(f"{path}:{line}: {text}")

    def resolve(self, path: str, name: str) -> str | None:
        """The file that #include "name" in `path` means: beside it, or below an include root."""
        for folder in (path.rpartition("/")[0], *INCLUDE_ROOTS):
            found = f"{folder}/{name}".lstrip("/")
            if (self.root / found).is_file():
                return str((self.root / found).resolve().relative_to(self.root))
        return None

    def check_source(self, path: str) -> None:
        room = room_of(path)
        if room is None:
            self.fault(path, 1, "no room is described for this folder")
            return
        text = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), (self.root / path).read_text(encoding="utf-8"))
        for match in INCLUDE.finditer(text):
            fault = self.include_fault(path, room, match[1], match[2])
            if fault:
                self.fault(path, line_of(text, match.start(1)), fault)

    def include_fault(self, path: str, room: str, quote: str, name: str) -> str | None:
        if kept_from(room, name, 0):
            return f"<{name}>: {kept_from(room, name, 0)}"
        header = self.resolve(path, name)
        if header is None:
            return f'"{name}": no such header' if quote == '"' else None
        self.arrows.setdefault(path, []).append(header)
        other = room_of(header)
        if other is None:
            return f'"{name}": no room is described for its folder'
        if other == room:
            return None
        if header.endswith("_priv.h"):
            return f'"{name}": private to {other}'
        if not header.endswith(".h"):
            return f'"{name}": a source file of {other}'
        return None if may_use(room, header, path) else f'"{name}": {room} may not use {other}'

    def check_cmake(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        room = "tests" if folder == "tests" or folder.startswith("tests/") else folder
        text = re.sub(r"#[^\n]*", "", (self.root / path).read_text(encoding="utf-8"))
        for match in COMMAND.finditer(text):
            line = line_of(text, match.start(1))
            if room != "tests" and room != "rtpengine/control" and room_of(folder + "/x.c") is None:
                self.fault(path, line, "no room is described for this folder")
                return
            for fault in self.link_faults(room, match[1], match[2].split()):
                self.fault(path, line, fault)

    def link_faults(self, room: str, command: str, words: list[str]) -> list[str]:
        """What is wrong with the libraries that one CMake command of `room` names."""
        if room == "rtpengine/control" and words:
            room = target_room(words[0].removesuffix("_test")) or room
        names = words[words.index("USES") + 1:] if "USES" in words else [] if command == "mg_room" else words[:1]
        if command == "target_link_libraries":
            names = words[1:]
        elif command == "mg_room" and target_room(words[0]) != room:
            return [f"the library of {room} is called {words[0]}"]
        faults = []
        for name in names:
            other = target_room(name)
            why = kept_from(room, name, 1) if other is None else None
            if why:
                faults.append(f"{name}: {why}")
            elif other and room not in ("tests", other) and not uses_room(room, other):
                faults.append(f"{name}: {room} may not use {other}")
        return faults

    def check_circles(self) -> None:
        """Depth first; a header that is met again on the way down closes a circle."""
        done: set[str] = set()

        def visit(path: str, way: list[str]) -> None:
            if path in way:
                circle = way[way.index(path):] + [path]
                self.fault(path, 1, "includes in a circle: " + " -> ".join(circle))
            elif path not in done:
                for header in self.arrows.get(path, []):
                    visit(header, way + [path])
                done.add(path)

        for path in sorted(self.arrows):
            visit(path, [])


def target_room(name: str) -> str | None:
    """The room whose library is called `name`: the last part of its folder, control_proto for control/proto, module_acl for
    modules/acl. The media daemon is rtpengine_daemon, since there are two."""
    if re.fullmatch(r"module_\w+", name):
        return "modules/" + name.removeprefix("module_")
    for room in ROOMS:
        parts = room.split("/")
        target = "_".join(parts) if room == "rtpengine/daemon" else "_".join(parts[1:])
        if name == target:
            return room
    return None


def uses_room(room: str, other: str) -> bool:
    """`room` may link `other`. The daemon links the modules that are built in, whose headers it does not see."""
    if room == "core/daemon" and other.startswith("modules/"):
        return True
    return any(use == other or use.startswith(other + "/") for use in row_of(room).uses)


def table_faults() -> list[str]:
    """The table itself: every arrow points down, to a room that has a row."""
    faults = []
    for name, room in ROOMS.items():
        for use in room.uses:
            other = use if use in ROOMS else room_of(use)
            if other not in ROOMS or ROOMS[other].level >= room.level:
                faults.append(f"the table: {name} -> {use} does not point down")
    return faults


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    faults = table_faults() + Tree(root).check()
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
