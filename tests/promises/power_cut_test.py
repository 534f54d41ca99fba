#!/usr/bin/env python3
"""Promise 1 under a power cut: the state lies on a file system of its own in an image file; under load
everything is stopped, the image copied as a disk would be found, the copy mounted and verified. What was
synced is there; what was not, may not be. The control runs the gate with its syncs removed (strace answers
them without doing them): then leaves must be lost, or the test shows nothing.

POWER_ROUNDS sets how many (default 10). Needs root for mounting; says so and passes where it may not."""
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import leaves  # noqa: E402
from gate import Checks, Gate  # noqa: E402
from load import load  # noqa: E402
from upstream import Upstream  # noqa: E402

rounds = int(os.environ.get("POWER_ROUNDS", "10"))
checks = Checks("promises.power_cut")


def sh(*command, check=True):
    return subprocess.run(command, check=check, capture_output=True, text=True)


class Disk:
    """An ext4 image, mounted."""

    def __init__(self, folder, image=None):
        self.image = os.path.join(folder, "disk.img" if image is None else image)
        self.mount = self.image + ".mnt"
        os.makedirs(self.mount, exist_ok=True)

    def make(self, megabytes):
        with open(self.image, "wb") as out:
            out.truncate(megabytes << 20)
        sh("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image)
        return self

    def attach(self):
        sh("mount", "-o", "loop", self.image, self.mount)
        os.chmod(self.mount, 0o755)
        return self

    def detach(self):
        sh("umount", self.mount, check=False)


def children(pid):
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name) as stat:
                parent = int(stat.read().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        if parent == pid:
            found += [int(name)] + children(int(name))
    return found


def cut(folder, upstream, number, wrap=(), settle=0.0):
    """One round: (answers, leaves or None if unreadable, verify status, output)."""
    disk = Disk(folder).make(256).attach()
    copy = Disk(folder, "copy-%d.img" % number)
    rng = random.Random(number)
    gate = Gate(upstream=upstream, state=os.path.join(disk.mount, "state"), wrap=wrap)
    try:
        gate.start()

        def power_off():
            pids = [gate.process.pid] + children(gate.process.pid)
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            shutil.copyfile(disk.image, copy.image)
            for pid in reversed(pids):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            gate.process.wait()

        answers = load(gate.port, gate.keys["analyst"], rng.uniform(0.5, 1.5), 7000 + number,
                       on_end=power_off)
        copy.attach()
        state = os.path.join(copy.mount, "state")
        try:
            again = Gate(upstream=upstream, state=state)
            again.start()
            again.stop()
            written = leaves.read(state)
            verified = again.verify()
        except (RuntimeError, OSError) as error:
            written, verified = None, (1, str(error))
        return answers, written, verified
    finally:
        if gate.process and gate.process.poll() is None:
            gate.kill()
        copy.detach()
        disk.detach()
        for path in (disk.image, copy.image):
            if os.path.exists(path):
                os.unlink(path)


def main():
    if os.geteuid() != 0 or sh("unshare", "-m", "true", check=False).returncode != 0:
        print("skipped: power cuts (mounting an image needs root)")
        checks.check("nothing to do without root", True)
        checks.exit()
    folder = tempfile.mkdtemp(prefix="proviso-power-")
    os.chmod(folder, 0o755)
    upstream = Upstream()
    total = 0
    try:
        probe = Disk(folder).make(16)
        try:
            probe.attach().detach()
        except subprocess.CalledProcessError as error:
            print("skipped: power cuts (no loop mounts here: %s)" % error.stderr.strip())
            checks.check("nothing to do without loop mounts", True)
            checks.exit()
        for number in range(rounds):
            answers, written, (status, output) = cut(folder, upstream, number)
            wrong = leaves.missing(answers, written) if written is not None else ["unreadable"]
            total += len(answers)
            checks.check("cut %d: every answer has its leaves" % number, not wrong, wrong[:3])
            checks.check("cut %d: verifies" % number, status == 0, output[-1000:])
        print("    %d cuts, %d answers, none without its leaves" % (rounds, total))
        checks.check("load was answered", total > rounds * 5, total)
        no_sync = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync,sync_file_range,msync",
                   "-e", "inject=fdatasync,fsync,sync_file_range,msync:retval=0"]
        answers, written, (status, output) = cut(folder, upstream, 900, wrap=no_sync)
        lost = leaves.missing(answers, written) if written is not None else answers
        print("    control without syncs: %d answers, %d without their leaves" % (len(answers), len(lost)))
        checks.check("control: without syncs a cut loses leaves", len(answers) > 0 and len(lost) > 0)
    finally:
        upstream.close()
        shutil.rmtree(folder, ignore_errors=True)
    checks.exit()


main()
