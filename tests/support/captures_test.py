#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of captures.py that need neither a capture nor tshark: columns to frames, segments to streams."""
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import captures  # noqa: E402


def frame(**given: str) -> captures.Frame:
    column = dict.fromkeys((name.replace(".", "_").replace("-", "_") for name in captures.FIELDS), "")
    column |= {"frame_number": "1", "frame_len": "9", "frame_cap_len": "9"} | given
    return captures.Frame("\t".join(column.values()) + "\n")


class Frames(unittest.TestCase):
    def test_tunnel(self):
        inner = frame(frame_protocols="eth:ethertype:ip:udp:gtp:ipv6:udp:sip", ip_src="10.0.0.1", ip_dst="10.0.0.2",
                      ipv6_src="fd00::1", ipv6_dst="fd00::2", udp_srcport="2152,5060", udp_dstport="2152,5061",
                      udp_payload="30ff4142,4142", sip_Method="INVITE,ACK")
        self.assertTrue(inner.sip)
        self.assertEqual((inner.source, inner.target), (("fd00::1", 5060), ("fd00::2", 5061)))
        self.assertEqual((inner.data, inner.methods), (b"AB", ["INVITE", "ACK"]))

    def test_tcp_in_tunnel(self):
        inner = frame(frame_protocols="sll:ethertype:ip:udp:gtp:ipv6:tcp", ip_src="10.0.0.1", ip_dst="10.0.0.2",
                      ipv6_src="fd00::1", ipv6_dst="fd00::2", udp_srcport="2152", udp_dstport="2152",
                      udp_payload="30ff", tcp_stream="3", tcp_srcport="5060", tcp_dstport="5061", tcp_seq_raw="7",
                      tcp_flags_syn="0", tcp_payload="43")
        self.assertEqual((inner.carrier, inner.data, inner.connection, inner.seq), ("tcp", b"C", "3", 7))

    def test_empty_inner_datagram(self):
        inner = frame(frame_protocols="eth:ethertype:ip:udp:gtp:ip:udp", ip_src="10.0.0.1,1.1.1.1",
                      ip_dst="10.0.0.2,1.1.1.2", udp_srcport="2152,5060", udp_dstport="2152,5060",
                      udp_payload="30ff")
        self.assertEqual((inner.data, inner.source), (b"", ("1.1.1.1", 5060)))

    def test_quoted_by_icmp(self):
        self.assertEqual(frame(frame_protocols="eth:ethertype:ip:icmp:ip:udp:sip").carrier, "")


class InOrder(unittest.TestCase):
    def runs(self, start, *segments):
        numbered = [(seq, n, data) for n, (seq, data) in enumerate(segments)]
        return [(first, [data for _, data in run]) for first, run in captures.in_order(numbered, start)]

    def test_rows(self):
        for name, start, segments, expected in (
                ("in order", 10, [(10, b"ab"), (12, b"cd")], [(True, [b"ab", b"cd"])]),
                ("swapped", 10, [(12, b"cd"), (10, b"ab")], [(True, [b"ab", b"cd"])]),
                ("sent twice", 10, [(10, b"ab"), (10, b"ab"), (12, b"cd")], [(True, [b"ab", b"cd"])]),
                ("sent again with more", 10, [(10, b"ab"), (10, b"abc")], [(True, [b"ab", b"c"])]),
                ("overlapping", 10, [(10, b"abc"), (11, b"bcd")], [(True, [b"abc", b"d"])]),
                ("keepalive, byte seen", 10, [(10, b"ab"), (11, b"b"), (12, b"cd")], [(True, [b"ab", b"cd"])]),
                ("keepalive before the first", 10, [(9, b"\0"), (10, b"ab")], [(True, [b"ab"])]),
                ("wrapped numbers", 2**32 - 1, [(2**32 - 1, b"a"), (0, b"b")], [(True, [b"a", b"b"])]),
                ("a gap", 10, [(10, b"ab"), (14, b"ef")], [(True, [b"ab"]), (False, [b"ef"])]),
                ("first byte missing", 10, [(11, b"b"), (12, b"c")], [(False, [b"b", b"c"])]),
                ("no SYN seen", None, [(12, b"cd"), (10, b"ab")], [(False, [b"ab", b"cd"])]),
                ("nothing", 10, [], [])):
            with self.subTest(name):
                self.assertEqual(self.runs(start, *segments), expected)


class Files(unittest.TestCase):
    def test_format(self):
        with tempfile.TemporaryDirectory() as folder:
            binary, side = Path(folder) / "bin", Path(folder) / "json"
            read = captures.Captures("TShark", [captures.File("a.pcap")],
                                     [captures.Record(captures.SEGMENT, 7, 3, 0, b"SIP")])
            captures.write(read, binary, side)
            self.assertEqual(binary.read_bytes(), b"MGCAPT1\n" + struct.pack("<BIIHI", 2, 7, 3, 0, 3) + b"SIP")

    def test_no_captures(self):
        with tempfile.TemporaryDirectory() as folder:
            run = subprocess.run([sys.executable, str(Path(captures.__file__)), "--root", folder, "--out", "x", "--json",
                                  "y"], stdout=subprocess.PIPE, text=True, check=False, cwd=folder)
            self.assertEqual(run.returncode, 77)
            self.assertRegex(run.stdout, r"\ASKIP: no capture files below .*\n\Z")


if __name__ == "__main__":
    unittest.main()
