# SPDX-License-Identifier: GPL-3.0-or-later
"""X-6: calls over a lossy network: caller and callee in one namespace, the proxy in another, nft drops between them."""
import os
import subprocess
import uuid

import pytest
from load import Load
from margrave import Daemon

# Calls of anybody, and of a trunk that the ACL knows. At 20 % a 200 and its ACK come through all four hops with 0.8^4, and with all eleven transmissions of the 200 in
# 64×T1 0.3 % of the calls never get their ACK, whatever stands between.
ANYBODY, TRUNK = 50, 20
SECONDS = 600 if os.environ.get("MARGRAVE_FULL") else 30
LINK = "10.203.{0}.{1}"


def run(*args: str, check: bool = True) -> subprocess.CompletedProcess:
    return subprocess.run(args, check=check, capture_output=True, text=True)


def reason() -> str:
    """Why this cannot be done here; "" when it can."""
    if os.geteuid() != 0:
        return "needs root: namespaces and nft"
    name = f"mgt{uuid.uuid4().hex[:8]}"
    try:
        run("ip", "netns", "add", name)
        run("ip", "netns", "exec", name, "nft", "add", "table", "inet", "probe")
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no namespaces or no nft here: {error}"
    finally:
        run("ip", "netns", "del", name, check=False)
    return ""


class Link:
    """Two namespaces joined by a pair of veth; each drops a part of what comes in."""

    def __init__(self, percent: int, number: int):
        self.ends = [f"mgt{uuid.uuid4().hex[:8]}" for _ in range(2)]
        self.addr = [LINK.format(number, i + 1) for i in range(2)]
        self.trunk = LINK.format(number, 3)  # another address of the second end
        self.percent = percent

    def __enter__(self) -> "Link":
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self) -> None:
        for end in self.ends:
            run("ip", "netns", "add", end)
        run("ip", "link", "add", self.ends[0], "netns", self.ends[0], "type", "veth", "peer", "name", self.ends[1], "netns", self.ends[1])
        for end, addr in zip(self.ends, self.addr):
            inside = self.within(end)
            run(*inside, "ip", "addr", "add", f"{addr}/24", "dev", end)
            run(*inside, "ip", "link", "set", "lo", "up")
            run(*inside, "ip", "link", "set", end, "up")
            run(*inside, "nft", "add", "table", "inet", "loss")
            run(*inside, "nft", "add", "chain", "inet", "loss", "in", "{ type filter hook input priority 0 ; }")
            run(*inside, "nft", "add", "rule", "inet", "loss", "in", "iifname", end, "meta", "l4proto", "udp", "numgen", "random", "mod", "100",
                "<", str(self.percent), "counter", "drop")
        run(*self.within(self.ends[1]), "ip", "addr", "add", f"{self.trunk}/24", "dev", self.ends[1])

    @staticmethod
    def within(end: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", end)

    def dropped(self) -> int:
        """Datagrams that were lost."""
        lists = [run(*self.within(end), "nft", "list", "chain", "inet", "loss", "in").stdout for end in self.ends]
        return sum(int(text.split("counter packets ")[1].split()[0]) for text in lists)

    def __exit__(self, *_) -> None:
        for end in self.ends:
            run("ip", "netns", "del", end, check=False)


@pytest.fixture(scope="module", name="possible", autouse=True)
def skipped_with_the_reason():
    if reason():
        pytest.skip(reason())


def start(folder, link: Link) -> tuple[Daemon, dict[int, Load]]:
    """A proxy at one end, callers and callees at the other: two loads, by calls per second."""
    folder.chmod(0o755)
    acl = f'{{ name = "acl"; zones = ( {{ zone = "lab"; rules = ( {{ prefixes = ( "{link.trunk}/32" ); known = true; }} ); }} ); }}'
    daemon = Daemon(folder, (f'zones = ( {{ name = "lab"; listen = ( "udp:{link.addr[0]}:5062" ); }} );\n'
                             f'modules = ( {{ name = "sanity"; }}, {acl}, {{ name = "route"; relay = "any"; }} );\naccept_risk = ( "open-relay" );\n'))
    daemon.through = list(link.within(link.ends[0]))
    daemon.start()
    loads = {}
    for cps, source in ((ANYBODY, link.addr[1]), (TRUNK, link.trunk)):
        own = folder / f"load{cps}"
        own.mkdir()
        loads[cps] = Load(own, "--proxy", f"{link.addr[0]}:5062", "--uac", f"{source}:0", "--uas", f"{source}:0", "--rate", cps, "--seconds", SECONDS,
                          "--seed", cps, within=link.within(link.ends[1]))
    return daemon, loads


def judge(results: dict[int, dict], percent: int, least: float) -> int:
    """What holds for the loads over a link that loses so much, by calls per second; the calls that they began."""
    said = f"{percent} %: {[(cps, r['calls'], r['causes'], r['rules']) for cps, r in results.items()]}"
    print(said)
    for cps, result in results.items():
        calls = result["calls"]
        assert calls["started"] > cps * SECONDS * 0.7, said
        assert calls["failed"] <= calls["started"] * (1 - least) * 2, said  # of few calls, chance decides more
        assert result["rules"] == {}, said
    started, completed = (sum(result["calls"][name] for result in results.values()) for name in ("started", "completed"))
    assert completed >= started * least, said
    return started


def test_loss(tmp_path_factory):
    """At 5 % 99.99 % of the calls succeed, at 20 % 99 %; both at once, to save time."""
    links, daemons, loads = {}, {}, {}
    try:
        for number, percent in enumerate((5, 20), 1):
            links[percent] = Link(percent, number).__enter__()
            daemons[percent], loads[percent] = start(tmp_path_factory.mktemp(f"loss{percent}"), links[percent])
        for percent, least in ((5, 0.9999), (20, 0.99)):
            calls = judge({cps: load.result(SECONDS + 130) for cps, load in loads[percent].items()}, percent, least)
            assert links[percent].dropped() > calls * 12 * percent / 100 / 2
    finally:
        for load in (load for both in loads.values() for load in both.values()):
            load.end()
        for daemon in daemons.values():
            daemon.stop()
        for link in links.values():
            link.__exit__()
