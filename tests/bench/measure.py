# SPDX-License-Identifier: Apache-2.0
"""One visit to one contestant, checked; and the statistics over the visits."""

import math
import statistics

from system import run_json

LOSS = 0.001		# the share of frames that may get lost on the way to the contestant


class WrongVerdict(Exception):
    """The contestant did not do what it was measured for, so its time means nothing."""


class Generator:
    """Runs the frame generator."""

    SLICES = 32

    def __init__(self, binary, net, cpu):
        self.binary = binary
        self.net = net
        self.cpu = cpu

    def visit(self, contestant, cell, table, frames, seed):
        """Sends frames at a contestant and returns nanoseconds a frame, if all went as it must."""
        shift = max(0, (frames // self.SLICES).bit_length() - 1)
        argv = [self.binary, "--gen-netns", self.net.generator_path,
                "--gen-dev", contestant.rx.gen_dev,
                "--rx-netns", contestant.rx.path, "--rx-dev", contestant.rx.dev,
                "--mac", contestant.mac(table), "--family", str(cell.family),
                "--cpu", str(self.cpu), "--seed", str(seed), "--slice-shift", str(shift),
                "--slices", str(self.SLICES), "--warm", str(self.SLICES // 4)]
        sources = contestant.sources(table, cell)
        if sources:
            argv += ["--list", sources]
        if contestant.targets:
            argv += ["--targets", contestant.targets]
        before = contestant.counts()
        result = run_json(*argv)
        after = contestant.counts()
        counted = {what: after[what] - before.get(what, 0) for what in after}
        check(contestant, result, counted, contestant.pass_share(table, cell))
        per_frame = [s / result["slice_frames"] for s in result["slices"]]
        return {"ns": statistics.median(per_frame), "mean_ns": statistics.fmean(per_frame),
                "preempted": result["preempted"]}


def check(contestant, result, counted, pass_share):
    """Raises unless nearly all frames arrived and the verdicts are the expected ones.

    The veth driver says what became of frames at the XDP hook, the contestant what it did itself;
    where both speak they must agree to the frame.
    """
    sent, seen = result["sent"], result["seen"]
    if seen < sent * (1 - LOSS) or seen > sent:
        raise WrongVerdict(f"{seen} of {sent} frames arrived")
    strays = result["redirected"] + result["reflected"] + result["lost"]
    if strays > sent * LOSS:
        raise WrongVerdict(f"{strays} frames were redirected, sent back or lost")
    dropped = result["dropped"] if contestant.hook == "native" else counted.get("dropped")
    passed = seen - strays - dropped
    if contestant.hook != "native" and result["dropped"]:
        raise WrongVerdict(f"{result['dropped']} frames dropped in XDP, where it has no program")
    for what, number in (("dropped", dropped), ("passed", passed), ("other", 0)):
        if counted.get(what, number) != number:
            raise WrongVerdict(f"it counts {counted[what]} frames as {what}, and {number} were")
    if dropped and "dropped" not in counted:
        raise WrongVerdict("it does not say itself how many frames it dropped")
    # A random source can be on the list by chance: as often as the list covers the space.
    expected = seen * pass_share
    slack = 6 * math.sqrt(expected * (1 - pass_share)) + (8 if 0 < pass_share < 1 else 0)
    if abs(passed - expected) > slack + strays:
        raise WrongVerdict(f"{passed} of {seen} frames passed, not {expected:.0f}")


def spread(values, digits):
    """Median, least and greatest."""
    return {"median": round(statistics.median(values), digits), "min": round(min(values), digits),
            "max": round(max(values), digits)}


def summarise(visits, floor):
    """What is shown of a contestant's visits; each is held against the floor of its own round."""
    ns = [v["ns"] for v in visits]
    base = [v["ns"] for v in floor]
    return {
        "ns": spread(ns, 2),
        "ratio": spread([a / b for a, b in zip(ns, base)], 4),
        "above_floor_ns": spread([a - b for a, b in zip(ns, base)], 2),
        "preempted": sum(v["preempted"] for v in visits),
        "visits_ns": [round(n, 2) for n in ns],
        "visits_mean_ns": [round(v["mean_ns"], 2) for v in visits],
    }
