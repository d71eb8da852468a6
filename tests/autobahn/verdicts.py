"""Turns the suite's reports into the verdict files that are committed: case -> behaviour, sorted, no timings.

verdicts.py REPORTS/index.json OUT [REFUSED]: writes OUT and exits with 1 when a case is neither OK nor informational nor
non-strict, or was closed in another way than it must be. REFUSED lists, one a line, the cases that the agent `link` refused
by design (case, tab, what it refused). Python 2.7.
"""

import io
import json
import sys

GOOD = ("OK", "INFORMATIONAL", "NON-STRICT")


def by_number(case):
    return [int(part) for part in case.split(".")]


def main():
    with open(sys.argv[1]) as text:
        agents = json.load(text)
    refused = {}
    if len(sys.argv) > 3:
        with io.open(sys.argv[3], encoding="utf-8") as text:
            refused = dict(line.rstrip("\n").split("\t") for line in text)
    lines, bad, counts = [], [], {}
    for agent in sorted(agents):
        cases = []
        for case in sorted(agents[agent], key=by_number):
            report = agents[agent][case]
            behavior, close = report["behavior"], report["behaviorClose"]
            if agent == "link" and case in refused:
                behavior, close = "REFUSED", refused[case]
            elif behavior not in GOOD or close not in GOOD[:2]:
                bad.append("%s %s: %s, close %s" % (agent, case, behavior, close))
            counts[(agent, behavior)] = counts.get((agent, behavior), 0) + 1
            verdict = {"behavior": behavior, "close": close, "code": report["remoteCloseCode"]}
            cases.append("%s: %s" % (json.dumps(case), json.dumps(verdict, sort_keys=True)))
        lines.append("%s: {\n%s\n}" % (json.dumps(agent), ",\n".join(cases)))
    with io.open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write(u"{\n%s\n}\n" % u",\n".join(lines))
    for (agent, behavior), count in sorted(counts.items()):
        print("%-10s %-14s %4d" % (agent, behavior, count))
    for line in bad:
        print("BAD: " + line)
    return 1 if bad else 0


sys.exit(main())
