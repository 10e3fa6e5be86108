# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured, one function each: they run subjects and note figures and ratios in a Bench."""
import statistics
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from measure import Failed, Generator, Quota, Run, idle_share
from subjects import FLOOD_SOURCE, SUBJECTS, Setup, Subject

OURS, PEER, FLOOR = "margrave", "kamailio", "floor"
FAILED_MAX = 0.001        # of the calls of a run whose CPU counts, and of a rate that is carried
ANSWER_MAX_MS = 50.0      # p99 of INVITE to 200 at a rate that is carried
TCP_RATE, TCP_NEW_RATE, TLS_RATE, MEMORY_RATE, GROWTH_RATE = 4000, 1000, 200, 2000, 2000
FLOOD_RATE = 20000
GENERATOR_MAX = 56000     # calls/s that the generator itself carries on one core
QUOTA = 0.2               # of a core, under overload: the generator offers three times what that carries
CONFIRMATIONS = 8         # steps down from a rate that was carried for a moment only
TLS_SUITE = "TLS_AES_128_GCM_SHA256"  # each side has its own first choice
SETTLE_S = 3.0


@dataclass
class Sizes:
    """How long things take."""
    runs: int
    seconds: float
    side_rates: tuple[int, ...]
    memory_s: float
    probe_s: float
    confirm_s: float
    overload_s: float
    concurrent: tuple[int, ...]
    lead_s: float


FULL = Sizes(3, 10, (2000, 8000, 12000), 60, 6, 45, 120, (1000, 10_000, 100_000), 55)
QUICK = Sizes(1, 4, (), 15, 3, 6, 20, (1000, 10_000), 10)


@dataclass
class Bench:
    scratch: Path
    build: Path
    cpu: int
    subjects: tuple[str, ...]
    generator: Generator
    sizes: Sizes
    figures: list[dict] = field(default_factory=list)
    ratios: list[dict] = field(default_factory=list)

    @property
    def proxies(self) -> tuple[str, ...]:
        """Without the floor, which only hands messages through."""
        return tuple(name for name in self.subjects if name != FLOOR)

    @contextmanager
    def running(self, name: str, setup: Setup = Setup()):
        subject = SUBJECTS[name](self.scratch, self.build, self.cpu)
        subject.start(setup)
        try:
            time.sleep(SETTLE_S)
            yield subject
        finally:
            subject.stop()

    def note(self, name: str, subject: Subject, unit: str, values: list[float], **more) -> float:
        value = statistics.median(values)
        self.figures.append({"name": name, "subject": subject.label, "value": round(value, 3), "unit": unit,
                             "runs": len(values), "min": round(min(values), 3), "max": round(max(values), 3), **more})
        print(f"  {name:<27}{subject.label:<22}{value:>12.2f} {unit:<18}"
              f"{min(values):>10.2f} to {max(values):.2f}, {len(values)} runs", flush=True)
        return value

    def ratio(self, name: str, value: float, target: float, least: bool = True) -> None:
        met = value >= target if least else value <= target
        self.ratios.append({"name": name, "value": round(value, 3), "target": target, "met": met})

    def compare(self, name: str, values: dict[str, float], target: float, more_is_better: bool = False) -> None:
        """The ratio to the peer, when both were measured."""
        if OURS in values and PEER in values:
            ours, peer = values[OURS], values[PEER]
            self.ratio(name, ours / peer if more_is_better else peer / ours, target)

    def compare_worst(self, name: str, values: dict[str, dict[str, float]], target: float) -> None:
        """The least of several ratios to the peer, and each of them."""
        both = {kind: of[PEER] / of[OURS] for kind, of in values.items() if OURS in of and PEER in of}
        if both:
            self.ratio(name, min(both.values()), target)
        for kind, value in both.items():
            self.ratio(f"{name}_{kind}", value, target)

    def load(self, subject: Subject, transport: str, *args: object, watch=None) -> Run:
        return self.generator.run([*subject.target(transport), *map(str, args)], watch, subject.known)

    def cpu_s(self, subject: Subject, transport: str, *args: object, idle: float) -> tuple[float, Run]:
        """CPU that a run costs the subject, what its timers do after it included."""
        tree = subject.tree()
        before = tree.cpu_ns()
        run = self.load(subject, transport, *args, watch=lambda event: tree.cpu_ns() if event == "drained" else None)
        waited = run.seen["drained"].waited_since(before) / run.result["seconds"]
        print(f"    {subject.label}: {run.brief()}, waited {waited:.1%} for its CPU", flush=True)
        time.sleep(subject.drain_s)
        return tree.cpu_ns().since(before, idle), run

    def call_us(self, subject: Subject, transport: str, rate: float, idle: float, *args: object) -> float:
        """CPU of one call in microseconds."""
        spent, run = self.cpu_s(subject, transport, "--rate", rate, "--seconds", self.sizes.seconds, *args, idle=idle)
        if run.missed_share() > FAILED_MAX:
            print(f"    NOTE: the generator never came to begin {run.missed_share():.2%} of the calls", flush=True)
        for what in ("failed", "refused"):
            share = run.share(what)
            if share > FAILED_MAX:
                print(f"    NOTE: {share:.2%} of these calls {what}: this is the price of a completed one, theirs included", flush=True)
        if not run.completed:
            raise Failed(f"{subject.label}: no call of {rate}/s completed: {run.result['causes']}")
        return spent / run.completed * 1e6


def in_turn(bench: Bench, subjects: list[Subject], runs: int, measure) -> dict[str, list[float]]:
    """measure(subject, idle) for each subject, one after the other, and again: what disturbs the machine disturbs all."""
    idle = {subject.label: idle_share(subject.tree(), 3) for subject in subjects}
    values: dict[str, list[float]] = {subject.label: [] for subject in subjects}
    for _ in range(runs):
        for subject in subjects:
            values[subject.label].append(measure(subject, idle[subject.label]))
    return values


@contextmanager
def all_running(bench: Bench, names: tuple[str, ...], setup: Setup, workers: tuple[int, ...] = (1,)):
    """Several subjects at once; only one at a time gets work, the others idle."""
    started: list[Subject] = []
    try:
        for name in names:
            for count in workers if name == OURS else (1,):
                subject = SUBJECTS[name](bench.scratch, bench.build, bench.cpu)
                subject.start(Setup(**{**setup.__dict__, "workers": count}))
                started.append(subject)
        time.sleep(SETTLE_S)
        yield started
    finally:
        for subject in started:
            subject.stop()


def calls(bench: Bench) -> None:
    """CPU of a call over UDP at several rates; two workers beside one, on the same core."""
    with all_running(bench, bench.subjects, Setup(), (1, 2)) as subjects:
        for rate in sorted((4000, 20000) + bench.sizes.side_rates):
            runs = 1 if rate in bench.sizes.side_rates else bench.sizes.runs
            found = in_turn(bench, subjects, runs, lambda s, idle: bench.call_us(s, "udp", rate, idle))
            values = {}
            for subject in subjects:
                value = bench.note(f"call_us_{rate}", subject, "us/call", found[subject.label])
                if subject.setup.workers == 1:
                    values[subject.name] = value
            if rate == 4000:
                bench.compare("call_vs_kamailio", values, 2.5)
            elif rate == 20000:
                bench.compare("call20k_vs_kamailio", values, 2.0)


def carries(bench: Bench, subject: Subject, rate: float, seconds: float) -> bool:
    """It does so at the first or second try; a try where the generator itself lagged says nothing and is made again."""
    tries = 2
    for _ in range(2 * tries):
        run = bench.load(subject, "udp", "--rate", rate, "--seconds", seconds, "--ramp", 2, "--timeout-ms", 8000)
        lagged = run.missed_share() > FAILED_MAX
        good = not lagged and run.share("failed") < FAILED_MAX and not run.result["calls"]["refused"] and \
            run.answer_ms("p99") < ANSWER_MAX_MS
        verdict = "the generator lagged" if lagged else "carried" if good else "not carried"
        print(f"    {subject.label} {rate:.0f}/s for {seconds:.0f} s: {verdict}, {run.brief()}, "
              f"generator late {run.result['behind_ms']:.1f} ms", flush=True)
        time.sleep(2)
        tries -= not lagged
        if good or not tries:
            return good
    return False


def find_capacity(bench: Bench, subject: Subject, first: float, most: float) -> float:
    """The highest rate that is carried, to 3 %: climb by fifths or go down by thirds until it lies between two rates, halve the
    gap, and hold it for a while."""
    low, high, rate = 0.0, 0.0, first
    while low < most and (not low or not high or high > low * 1.03):
        if carries(bench, subject, rate, bench.sizes.probe_s):
            low = rate
        else:
            high = rate
        if not high:
            rate = min(rate * 1.2, most)
        else:
            rate = (low + high) / 2 if low else rate * 0.7
        if rate < 50:
            raise Failed(f"{subject.label} carries no rate at all")
    for _ in range(CONFIRMATIONS):
        if carries(bench, subject, low, bench.sizes.confirm_s):
            return low
        low *= 0.96
    raise Failed(f"{subject.label} carries {low:.0f}/s for a moment, but nothing near it for {bench.sizes.confirm_s} s")


def capacity(bench: Bench) -> None:
    """The most calls/s that one core carries."""
    values = {}
    for name in bench.subjects:
        with bench.running(name) as subject:
            found = [find_capacity(bench, subject, 10000, GENERATOR_MAX) for _ in range(bench.sizes.runs)]
            values[name] = bench.note("capacity", subject, "calls/s", found)
    if values.get(OURS, 0) >= GENERATOR_MAX:
        print("  the generator ends here: the capacity is at least that")
    bench.compare("capacity_vs_kamailio", values, 2.0, more_is_better=True)


def memory_growth(bench: Bench, subject: Subject) -> float:
    """kB and seconds of one call: what is resident more than before at a steady rate, by that rate."""
    def used() -> int:
        return subject.tree().memory_kib() + subject.shared_kib()

    before = used()
    samples: list[tuple[float, int]] = []
    stop: list[float] = []

    def watch(event: str) -> float:
        if event == "steady":
            began = time.monotonic()
            while time.monotonic() - began < bench.sizes.memory_s - 0.5:
                samples.append((time.monotonic() - began, used()))
                time.sleep(0.5)
        stop.append(time.monotonic())
        return stop[-1]

    run = bench.load(subject, "udp", "--rate", MEMORY_RATE, "--seconds", bench.sizes.memory_s, watch=watch)
    print(f"    {subject.label}: {run.brief()}", flush=True)
    last = [kib for at, kib in samples if at > bench.sizes.memory_s * 5 / 6]
    return (statistics.median(last) - before) * 1.024 / MEMORY_RATE


def memory(bench: Bench) -> None:
    """Memory of calls at a steady rate, lingering transactions included; a fresh process each time."""
    values = {}
    for name in bench.proxies:
        found = []
        for _ in range(bench.sizes.runs):
            with bench.running(name, Setup(control=True)) as subject:
                found.append(memory_growth(bench, subject))
        values[name] = bench.note("call_memory", subject, "kB*s/call", found)
    bench.compare("call_memory_vs_kamailio", values, 3.0)


def compare_over(bench: Bench, name: str, rate: int, *args: object) -> dict[str, float]:
    """CPU of a call whose caller uses TCP; the callee stays on UDP."""
    with all_running(bench, bench.proxies, Setup(tcp=True)) as subjects:
        found = in_turn(bench, subjects, bench.sizes.runs, lambda s, idle: bench.call_us(s, "tcp", rate, idle, *args))
        return {s.name: bench.note(name, s, "us/call", found[s.label]) for s in subjects}


def tcp(bench: Bench) -> None:
    """One connection for all calls, and one for each."""
    bench.compare_worst("tcp_call_vs_kamailio", {
        "one": compare_over(bench, "tcp_call_us_one", TCP_RATE, "--conn", "one"),
        "per_call": compare_over(bench, "tcp_call_us_per_call", TCP_NEW_RATE, "--conn", "per-call")}, 2.0)


def tls(bench: Bench) -> None:
    """A new connection with a full handshake for each call."""
    args = ("--conn", "per-call", "--suite", TLS_SUITE)
    seen = set()
    with all_running(bench, bench.proxies, Setup(tls=True)) as subjects:
        for subject in subjects:
            run = bench.load(subject, "tls", "--rate", 20, "--seconds", 1, *args)
            seen.add(run.result["connections"]["tls"])
            if run.result["connections"]["resumed"]:
                raise Failed(f"{subject.label} resumed sessions: not full handshakes")
        if len(seen) > 1:
            raise Failed(f"the subjects negotiate different TLS: {seen}")
        print(f"  {', '.join(seen)} with an ECDSA P-256 certificate")
        found = in_turn(bench, subjects, bench.sizes.runs, lambda s, idle: bench.call_us(s, "tls", TLS_RATE, idle, *args))
        values = {s.name: bench.note("tls_call_us", s, "us/call", found[s.label]) for s in subjects}
    bench.compare("tls_call_vs_kamailio", values, 1.5)


def packet_us(bench: Bench, subject: Subject, idle: float, kind: str, sources: int) -> float:
    tree = subject.tree()
    before = tree.cpu_ns()
    run = bench.load(subject, "udp", "--rate", 0, "--seconds", bench.sizes.seconds, "--flood", kind, "--flood-rate", FLOOD_RATE,
                     "--flood-source", f"{FLOOD_SOURCE}:0", "--flood-sources", sources)
    time.sleep(2)
    flood = run.result["flood"]
    if flood["answered"] > flood["sent"] / 100:
        raise Failed(f"{subject.label} answered {flood['answered']} of {flood['sent']} packets that it has to refuse silently")
    return tree.cpu_ns().since(before, idle) / flood["sent"] * 1e6


# name, packets, how they are told, their sources, whose way of refusing that is
FLOODS = [
    ("junk", "junk", "source", 1000, (OURS, PEER)),
    ("scanner", "register", "source", 1000, (OURS, PEER)),
    ("scanner_by_agent", "register", "agent", 1000, (PEER,)),
    ("scanner_by_rate", "register", "rate", 10, (OURS,)),  # strangers beyond their bucket
]


def flood(bench: Bench) -> None:
    """Packets of unknown sources, refused without a word: junk, and scanners; the peer's cheapest way counts."""
    found: dict[str, dict[str, float]] = {}
    for name, kind, refuse, sources, whose in FLOODS:
        names = tuple(each for each in bench.proxies if each in whose)
        with all_running(bench, names, Setup(refuse=refuse)) as subjects:
            values = in_turn(bench, subjects, bench.sizes.runs, lambda s, idle: packet_us(bench, s, idle, kind, sources))
            found[name] = {s.name: bench.note(f"flood_us_{name}", s, "us/packet", values[s.label]) for s in subjects}
    if PEER in found["scanner"]:
        cheapest = min(found["scanner"][PEER], found["scanner_by_agent"][PEER])
        found["scanner"][PEER] = found["scanner_by_rate"][PEER] = cheapest
    bench.compare_worst("flood_vs_kamailio", {name: found[name] for name in ("junk", "scanner", "scanner_by_rate")}, 4.0)


@dataclass
class Overload:
    """What one run at a rate that is too high came to, of its steady part."""
    run: Run
    cpu_s: float
    seconds: float

    @property
    def steady(self) -> dict:
        return self.run.result["steady"]


def overload(bench: Bench, subject: Subject, rate: float, seconds: float) -> Overload:
    """What is offered and paid in the steady part, and nothing after it."""
    tree = subject.tree()
    run = bench.load(subject, "udp", "--rate", rate, "--seconds", seconds, "--ramp", 2, "--timeout-ms", 4000,
                     watch=lambda event: tree.cpu_ns())
    print(f"    {subject.label} {rate:.0f}/s for {seconds:.0f} s: {run.brief()}, generator late "
          f"{run.result['behind_ms']:.1f} ms, missed {run.missed_share():.2%}", flush=True)
    begun, ended = run.seen["steady"], run.seen["stop"]
    return Overload(run, ended.since(begun), ended.at - begun.at)


def refusal_s(of: Overload, call_s: float) -> float | None:
    """CPU of a refused call, where nearly everything is refused."""
    refused = of.steady["refused"]
    return (of.cpu_s - call_s * of.steady["answered"]) / refused if refused > of.steady["started"] / 2 else None


def goodput_of(bench: Bench, subject: Subject) -> dict[int, float]:
    """Calls answered in time at twice and three times the capacity, as a share of the bound: what is left of the CPU when every
    call beyond is refused at the price of a refusal. Nothing where the subject does not refuse."""
    most = find_capacity(bench, subject, 10000 * QUOTA, GENERATOR_MAX / 4)
    bench.note("overload_capacity", subject, "calls/s", [most], quota=QUOTA)
    below = overload(bench, subject, most * 0.95, 20)
    call_s = below.cpu_s / max(1, below.steady["completed"])
    bench.note("overload_call_us", subject, "us/call", [call_s * 1e6])
    above = {times: overload(bench, subject, most * times, bench.sizes.overload_s) for times in (2, 3)}
    far = overload(bench, subject, min(most * 6, GENERATOR_MAX), 20)
    refused_s = refusal_s(far, call_s)
    in_time = {times: each.steady["in_time"] / each.seconds for times, each in above.items()}
    for times, rate in in_time.items():
        bench.note(f"overload_{times}x_in_time", subject, "calls/s", [rate])
    if refused_s is None:
        return {}
    bench.note("overload_refused_us", subject, "us/refused call", [refused_s * 1e6])
    core = max(each.cpu_s / each.seconds for each in (*above.values(), far))
    return {times: rate / ((core - times * most * refused_s) / (call_s - refused_s)) for times, rate in in_time.items()}


def goodput(bench: Bench) -> None:
    """Two and three times the capacity under a CPU quota, so that one generator can offer it."""
    for name in bench.proxies:
        quota = Quota(QUOTA)
        try:
            with bench.running(name) as subject:
                quota.add(subject.tree())
                shares = goodput_of(bench, subject)
        finally:
            quota.close()
        if name == OURS:
            for times in (2, 3):
                bench.ratio(f"goodput_{times}x", shares.get(times, 0), 0.95)


def growth(bench: Bench) -> None:
    """CPU of a call beside few and many others that are up: the steady part only, as many begin as end."""
    for name in bench.proxies:
        found = []
        for count in bench.sizes.concurrent:
            with bench.running(name) as subject:
                tree, idle = subject.tree(), idle_share(subject.tree(), 3)
                hold = count / GROWTH_RATE
                ramp = max(1.0, bench.sizes.lead_s - hold)  # the same time before, whatever the number
                run = bench.load(subject, "udp", "--rate", GROWTH_RATE, "--concurrent", count, "--ramp", f"{ramp:.1f}",
                                 "--seconds", bench.sizes.seconds * 2, watch=lambda event: tree.cpu_ns())
                print(f"    {subject.label}, {count} at once: {run.brief()}", flush=True)
                spent = run.seen["stop"].since(run.seen["steady"], idle)
                found.append(bench.note(f"call_us_{count}_at_once", subject, "us/call",
                                        [spent / run.result["steady"]["started"] * 1e6]))
        if name == OURS:
            bench.ratio("growth_calls", max(found) / found[0], 1.1, least=False)


CASES = {"calls": calls, "capacity": capacity, "memory": memory, "tcp": tcp, "tls": tls, "flood": flood, "goodput": goodput,
         "growth": growth}
