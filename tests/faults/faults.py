"""The allocations of a process that was started with failing_alloc.so, seen and failed from outside."""
import mmap
import os
import struct
import time

FIELDS = ("armed", "seen", "failed", "first", "last", "one_in", "live")


class Faults:
    def __init__(self, library, folder):
        self.path = os.path.join(folder, "faults")
        with open(self.path, "wb") as f:
            f.write(bytes(8 * len(FIELDS)))
        with open(self.path, "r+b") as f:
            self.memory = mmap.mmap(f.fileno(), 8 * len(FIELDS))
        self.environ = {"LD_PRELOAD": library, "CONVD_TEST_FAULTS": self.path}

    def _set(self, name, value):
        struct.pack_into("<Q", self.memory, 8 * FIELDS.index(name), value)

    def get(self, name):
        return struct.unpack_from("<Q", self.memory, 8 * FIELDS.index(name))[0]

    def arm(self, first=0, last=0, one_in=0):
        """Count from here on, and fail the allocations `first` to `last`, or one in so many."""
        for name, value in (("seen", 0), ("failed", 0), ("first", first), ("last", last), ("one_in", one_in)):
            self._set(name, value)
        self._set("armed", 1)

    def disarm(self):
        """(allocations seen, allocations failed) since arm()."""
        self._set("armed", 0)
        return self.get("seen"), self.get("failed")

    def live(self):
        """How many allocations there are, once that has stopped to change."""
        last, same = self.get("live"), 0
        for _ in range(200):
            time.sleep(0.01)
            now = self.get("live")
            same = same + 1 if now == last else 0
            last = now
            if same == 4:
                break
        return last
