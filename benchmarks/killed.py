"""A batch over a folder with broken recordings mixed in, killed and resumed: does it end with the right report?

    python benchmarks/killed.py CORPUS                 # killed twice, at a third and at two thirds
    python benchmarks/killed.py CORPUS --broken 200 --kills 5 --limit 1000

Every recording of CORPUS is linked into a temporary folder beside broken ones. Each ``kill -9`` comes when the
journal has grown by another share. At the end every recording must have been written once, with segments that tile
it, and every broken one named; nothing half-written may be left.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from swishcli.errors import display_path
from swishcli.files import recordings_in
from swishcli.formats import read_segments
from swishcli.jobs.report import read_report


def write_broken(folder: Path, n: int) -> None:
    """Files that nothing can be heard from: empty, text, noise, heads without bodies, links that lead nowhere."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for number in range(n):
        path = folder / f"broken-{number:03}.{('wav', 'mp3', 'flac', 'opus', 'm4a')[number % 5]}"
        kind = number % 4
        if kind == 0:
            path.touch()
        elif kind == 1:
            path.write_text("these are words\n" * int(rng.integers(1, 1000)))
        elif kind == 2:
            path.write_bytes(bytes(int(rng.integers(100, 100_000))))
        else:
            path.write_bytes(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0"[: int(rng.integers(1, 20))])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--broken", type=int, default=50)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--limit", type=int, help="take so many recordings, spread over the corpus")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, out = Path(temporary, "recordings"), Path(temporary, "labels")
        folder.mkdir()
        found = recordings_in(arguments.corpus)
        if arguments.limit:
            found = found[:: max(1, len(found) // arguments.limit)][: arguments.limit]
        for path in found:
            link = folder / path.relative_to(arguments.corpus)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.resolve())
        write_broken(folder / "broken", arguments.broken)
        line = [
            sys.executable,
            "-m",
            "swishcli",
            "segment",
            folder,
            "-o",
            out,
            "--keep-suffix",
            "--resume",
            "--quiet",
        ]
        journal, report_path = out / ".swish/journal.jsonl", out / ".swish/report.json"
        total = len(found) + arguments.broken
        start = time.monotonic()
        for kill in range(1, arguments.kills + 1):
            until = total * kill // (arguments.kills + 1)
            with subprocess.Popen(list(map(str, line)), stderr=subprocess.DEVNULL) as process:
                while process.poll() is None:
                    if journal.exists() and journal.read_bytes().count(b"\n") >= until:
                        break
                    time.sleep(0.05)
                process.send_signal(signal.SIGKILL)
            lines = journal.read_bytes().count(b"\n")
            print(f"killed after {lines} lines, {time.monotonic() - start:.0f} s", flush=True)
        before = journal.read_bytes().count(b'"outputs"')
        ended = subprocess.run(list(map(str, line)), capture_output=True, text=True, check=False)
        report = read_report(report_path)
        print(
            f"ended with {ended.returncode} after {time.monotonic() - start:.0f} s: {report.to_dict()['recordings']}"
        )
        for label, seconds in report.seconds.items():
            print(f"  {display_path(label):<10} {seconds / 3600:7.2f} h")
        problems = []
        if (report.done + report.there, len(report.failures), report.left) != (
            len(found),
            arguments.broken,
            0,
        ):
            problems.append("the counts are wrong")
        if report.there != before:
            problems.append(f"{before} were done before, {report.there} were taken as such")
        if {Path(path).parent.name for path in report.failures} != {"broken"}:
            problems.append(f"others failed than those that are broken: {report.failures}")
        written = sorted(
            path for path in out.rglob("*") if path.is_file() and path.parent != report_path.parent
        )
        expected = sorted(out / f"{path.relative_to(arguments.corpus)}.json" for path in found)
        if written != expected:
            problems.append(f"files differ: {set(written) ^ set(expected)}")
        for path in written:
            read_segments(path)  # which refuses what does not tile its recording
        print(*(problems or ["all is there, once, and whole"]), sep="\n")
        sys.exit(bool(problems))


if __name__ == "__main__":
    main()
