# SPDX-License-Identifier: Apache-2.0
"""What every program that measures has: options, a line of progress, an orderly end."""

import argparse
import json
import os
import signal
import sys


def choice_list(choices):
    """An argument type: some of choices, separated by commas."""
    def parse(value):
        chosen = value.split(",")
        wrong = [c for c in chosen if c not in choices]
        if wrong:
            raise argparse.ArgumentTypeError(f"{wrong[0]!r} is none of {', '.join(choices)}")
        return chosen
    return parse


def counts(value):
    """An argument type: numbers from 0, separated by commas."""
    numbers = [int(v.replace("_", "")) for v in value.split(",")]
    if min(numbers) < 0:
        raise ValueError
    return numbers


def sizes(value):
    """An argument type: positive numbers, separated by commas."""
    numbers = counts(value)
    if min(numbers) < 1:
        raise ValueError
    return numbers


def add_families(parser):
    """Which families to measure."""
    parser.add_argument("--families", type=choice_list(("4", "6")), default=["4", "6"],
                        metavar="4,6")


def add_frames(parser, visited, frames):
    """How long to measure packets; the defaults come later, see finish_frames()."""
    parser.add_argument("--rounds", type=int, metavar="N", help=f"visits to {visited} (9)")
    parser.add_argument("--frames", type=int, metavar="N",
                        help=f"frames a visit, rounded down to a power of two ({frames})")


def add_place(parser, work, seeds):
    """Where to measure, with what, and where the results go."""
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)), metavar="N",
                        help=f"the core that {work} (the last)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help=f"of {seeds} (1)")
    parser.add_argument("--json", metavar="FILE", help="write the results there too")
    parser.add_argument("--quick", action="store_true",
                        help="under a minute: proves that it works, its figures are rough")


def finish_frames(parser, o, frames):
    """Fills in the defaults of add_frames(), and checks what was given."""
    o.rounds = o.rounds or (3 if o.quick else 9)
    o.frames = o.frames or (1 << 16 if o.quick else frames)
    if o.rounds < 1 or not 1 << 10 <= o.frames <= 1 << 25:
        parser.error("--rounds must be positive and --frames from 1024 to 33554432")


def finish_place(parser, o):
    """Checks what add_place() was given."""
    if o.cpu not in os.sched_getaffinity(0):
        parser.error(f"there is no processor {o.cpu} to run on")


class Progress:
    """One line on a terminal that says where the benchmark is."""

    def __init__(self):
        self.shown = sys.stderr.isatty()

    def say(self, text):
        """Replaces the line."""
        if self.shown:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def note(self, text):
        """A line that stays."""
        self.say("")
        print(text, file=sys.stderr, flush=True)


def leave_on_signals():
    """Signals end it in the ordinary way, so that everything is taken down."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))


def leave_core(cpu):
    """Nothing but the generator itself runs on the core that does the work."""
    others = os.sched_getaffinity(0) - {cpu}
    os.sched_setaffinity(0, others or {cpu})


def options_document(options):
    """The options for a document."""
    return {name: value for name, value in vars(options).items() if name != "json"}


def write_json(path, document):
    """A document for programs, as a file."""
    with open(path, "w", encoding="utf-8") as out:
        json.dump(document, out, indent=1)
        out.write("\n")
