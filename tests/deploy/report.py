"""Runs test functions one after the other and says what became of each."""
import os
import sys
import time
import traceback

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
sys.dont_write_bytecode = True

from harness import Failure, Skip


def run(module, subject, wanted):
    """Call test_...(subject) of the module; `wanted`: names or parts of them, all when empty. The exit status."""
    counts = {"ok": 0, "FAILED": 0, "skipped": 0}
    for name, function in vars(module).items():
        if not name.startswith("test_") or (wanted and not any(w in name for w in wanted)):
            continue
        start, note, result = time.monotonic(), "", "ok"
        try:
            note = function(subject) or ""
        except Skip as e:
            result, note = "skipped", str(e)
        except Failure as e:
            result, note = "FAILED", str(e)
        except Exception:
            result, note = "FAILED", traceback.format_exc()
        counts[result] += 1
        print(f"{result:7} {name[5:]} ({time.monotonic() - start:.1f} s){': ' + note if note else ''}", flush=True)
    print(f"{counts['ok']} passed, {counts['FAILED']} failed, {counts['skipped']} skipped")
    return 1 if counts["FAILED"] or not sum(counts.values()) else 0
