"""The results for people: a line a test, a table by operator, and README.md's part that is made of them."""
import collections

MARK = "<!-- Below is what run.py --write writes. -->\n"
VERDICTS = ("passed", "refused", "failed", "crashed", "missing")


def describe(r):
    lines = [f"{r.verdict:8} {r.name} (constant: {r.bound})" + (f": {r.text}" if r.text else "")]
    return "\n".join(lines + [f"          {trial}" for trial in r.trials])


def count(results):
    """{operator: [whether supported, Counter of verdicts]}; a test counts for each operator of its model. It is
    "missing" where it is refused for want of another operator."""
    rows = {}
    for r in results:
        for name, known in r.operators.items():
            verdict = "missing" if known and r.verdict == "refused" and r.missing() else r.verdict
            rows.setdefault(name, [known, collections.Counter()])[1][verdict] += 1
    return dict(sorted(rows.items()))


def table(results):
    lines = [f"{'operator':28}" + "".join(f"{verdict:>9}" for verdict in VERDICTS)]
    for name, (known, verdicts) in count(results).items():
        numbers = "".join(f"{verdicts[verdict] or '':>9}" for verdict in VERDICTS)
        lines.append(f"{name:28}{numbers}" + ("" if known else "   not in the engine's list"))
    return "\n".join(line.rstrip() for line in lines)


def _summary(results):
    verdicts = collections.Counter(r.verdict for r in results)
    fed = sum(r.verdict == "passed" and r.bound == "none" for r in results)
    folded = sum(r.folds == "passed" for r in results)
    missing = sum(r.verdict == "refused" and bool(r.missing()) for r in results)
    return (f"{len(results)} tests: {verdicts['passed']} pass, {verdicts['refused']} are refused ({missing} of them "
            f"for an operator that the engine does not have), {verdicts['failed'] + verdicts['crashed']} fail.\n"
            f"{fed} pass with every input fed at run time; {folded} are computed while loading when every input is a "
            "constant.\n")


def _operators(results):
    lines = ["## Operators that the engine has", "",
             "A test counts in the row of each operator of its model; in the last column when that has an operator too",
             "which the engine does not have.", "",
             "| operator | passed | refused | failed | another is missing |", "|---|--:|--:|--:|--:|"]
    for name, (known, v) in count(results).items():
        if known:
            lines.append(f"| {name} | {v['passed']} | {v['refused']} | {v['failed'] + v['crashed']} | {v['missing']} |")
    others = [f"{name} ({v.total()})" for name, (known, v) in count(results).items() if not known]
    return "\n".join(lines + ["", "## Operators that it does not have", "", ", ".join(others) + ".", ""])


def _refusals(results, listed):
    folded = {r.name for r in results if r.folds == "passed"}
    reasons = {}
    for name, reason in sorted(listed.items()):
        reasons.setdefault(reason, []).append(f"`{name}`" + ("*" if name in folded else ""))
    lines = ["## Refused although the engine has every operator", "",
             "With a star: computed while loading, and rightly, when every input is a constant.", ""]
    lines += [f"- {reason}: {', '.join(names)}" for reason, names in sorted(reasons.items())]
    return "\n".join(lines) + "\n"


def write(path, results, listed):
    """Replace what stands after MARK."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    text = text[: text.index(MARK) + len(MARK)]
    text += "\n".join(["", _summary(results), _operators(results), _refusals(results, listed)])
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
