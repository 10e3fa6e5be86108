#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write core/sip/header_hash.h: a collision-free hash of the header names in core/sip/header.h.

gen_header_hash.py          write the file
gen_header_hash.py --check  say whether the file is current
"""
import pathlib
import random
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "core/sip/header.h"
OUT = ROOT / "core/sip/header_hash.h"
BITS = 9


def names():
    rows = re.findall(r"^\s*X\((\w+),\s*\"([^\"]+)\",\s*(0|'[a-z]'),", TABLE.read_text(), re.M)
    if not rows:
        sys.exit(f"{TABLE}: no rows found")
    return rows


def key(name):
    b = [c | 0x20 for c in name.encode()]
    return b[0] | b[len(b) // 2] << 8 | b[-2] << 16 | b[-1] << 24


def slot(name, mul, add):
    return ((key(name) + len(name) * add) * mul & 0xFFFFFFFF) >> (32 - BITS)


def search(rows):
    if len({(key(n), len(n)) for _, n, _ in rows}) != len(rows):
        sys.exit("two names share length and sampled bytes: sample another byte in key()")
    rnd = random.Random(3261)
    while True:
        mul, add = rnd.getrandbits(32) | 1, rnd.getrandbits(32)
        if len({slot(n, mul, add) for _, n, _ in rows}) == len(rows):
            return mul, add


def render():
    rows = names()
    mul, add = search(rows)
    lines = [
        "/* SPDX-License-Identifier: GPL-3.0-or-later",
        " *",
        " * header_hash: a collision-free hash of the header names. Made by scripts/gen_header_hash.py; do not edit.",
        " */",
        "#ifndef MG_SIP_HEADER_HASH_H",
        "#define MG_SIP_HEADER_HASH_H",
        "",
        f"#define HEADER_HASH_MUL  0x{mul:08x}u",
        f"#define HEADER_HASH_ADD  0x{add:08x}u",
        f"#define HEADER_HASH_BITS {BITS}",
        "",
        "static const unsigned char header_hash[1 << HEADER_HASH_BITS] = {",
    ]
    for s, sym in sorted((slot(n, mul, add), sym) for sym, n, _ in rows):
        lines.append(f"\t[{s}] = SIP_H_{sym},")
    lines += ["};", "", "/* Compact forms by the low five bits of the letter. */"]
    lines += ["static const unsigned char header_compact[32] = {"]
    for letter, sym in sorted((c[1], sym) for sym, _, c in rows if c != "0"):
        lines.append(f"\t['{letter}' & 31] = SIP_H_{sym},")
    lines += ["};", "", "/* Names in lower case, padded with NUL, compared sixteen bytes at a time. */"]
    lines += ["#define HEADER_NAME_PAD 32", "static const char header_lower[SIP_H_END][HEADER_NAME_PAD] = {"]
    for sym, name, _ in rows:
        lines.append(f'\t[SIP_H_{sym}] = "{name.lower()}",')
    lines += ["};", "", "static const unsigned char header_length[SIP_H_END] = {"]
    lines += [f"\t[SIP_H_{sym}] = {len(name)}," for sym, name, _ in rows]
    return "\n".join(lines + ["};", "", "#endif", ""])


def main():
    text = render()
    if sys.argv[1:] == ["--check"]:
        if not OUT.exists() or OUT.read_text() != text:
            sys.exit(f"{OUT.relative_to(ROOT)} is not current: run scripts/gen_header_hash.py")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        OUT.write_text(text)


if __name__ == "__main__":
    main()
