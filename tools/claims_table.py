#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The numbers of a finished run as Markdown.

usage: claims_table.py DIR                the claims: statement, measured [interval], bound, verdict, controls
       claims_table.py DIR --brief        the same in four columns, for a summary
       claims_table.py DIR --table ID     a table of the report
       claims_table.py DIR --into FILE... writes them into Markdown files, between the lines
                                              <!-- claims -->, <!-- claims brief -->, <!-- claims full -->
                                              or <!-- table ID -->
                                          and <!-- end -->; with " of STUDY" before " -->" the lines are passed
                                          over by runs of other studies. A file without such lines is an error.
       claims_table.py DIR DIR... --into FILE...
                                          also <!-- claims seeds -->: the claims over runs of other base seeds

Reads DIR/result.json. A verdict or control that is not the expected one is set in bold.
"""
import json
import pathlib
import re
import signal
import sys

BLOCK = re.compile(r"(<!-- (claims brief|claims full|claims seeds|claims|table [a-z_]+)(?: of ([a-z_]+))? -->\n)(.*?)(<!-- end -->)", re.S)
NAN = "-"


def number(value):
    """Three significant digits: 0.00186 stays, 1.9e-5 does not become 0.000019."""
    if value is None:
        return NAN
    size = abs(value)
    if size == 0 or 1e-3 <= size < 1e4:
        return f"{value:.3g}" if size < 1e3 else f"{value:.0f}"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def measured(claim):
    if claim["measured"] is None:
        return claim.get("note") or "diverged"
    text = number(claim["measured"])
    if claim["low"] is not None and claim["low"] != claim["high"]:
        text += f" [{number(claim['low'])}, {number(claim['high'])}]"
    return text


def verdict(claim):
    if claim["expected"] in ("open", claim["verdict"]):
        return claim["verdict"]
    return f"**{claim['verdict']}** (expected: {claim['expected']})"


def bound(claim):
    return claim["bound"].replace("<=", "≤").replace(">=", "≥")


def markdown(columns, rows):
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for row in rows:
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |")
    return "\n".join(lines)


def claims_table(result, brief=False):
    claims = {claim["id"]: claim for claim in result["claims"]}
    rows = []
    for claim in claims.values():
        if claim["role"] != "claim":
            continue
        controls = [claims[name] for name in claim["controls"] if name in claims]
        if brief:
            rows.append([f"`{claim['id']}`", claim["statement"], f"{measured(claim)}, bound {bound(claim)}", verdict(claim)])
            continue
        against = [f"`{c['id'][len(claim['id']):]}` {measured(c)}: {verdict(c)}" for c in controls]
        seeds = f" ({claim['seeds']})"
        rows.append([f"`{claim['id']}`", claim["statement"], measured(claim) + seeds, bound(claim), verdict(claim), "<br>".join(against)])
    if brief:
        return markdown(["claim", "what is measured", "measured [95 % interval]", "verdict"], rows)
    return markdown(["claim", "what is measured", "measured [95 % interval] (seeds)", "bound", "verdict", "controls"], rows)


def full_table(result):
    """Everything a claim says of itself: a row a claim, with its controls below it."""
    rows = []
    for claim in result["claims"]:
        name = f"`{claim['id']}`" if claim["role"] == "claim" else f"control `{claim['id']}`"
        rows.append([name, claim["source"], f"{claim['statement']} ({claim['unit']})", bound(claim),
                     f"{measured(claim)} ({claim['seeds']})", verdict(claim)])
    return markdown(["claim", "source", "measure (unit)", "bound", "last value [95 % interval] (seeds)", "verdict"], rows)


def seeds_table(results):
    """A row a claim, a column a base seed; verdicts where they are not all the same."""
    by_run = [{claim["id"]: claim for claim in result["claims"]} for result in results]
    rows = []
    for name, first in by_run[0].items():
        claims = [run[name] for run in by_run if name in run]
        verdicts = [claim["verdict"] for claim in claims]
        same = len(set(verdicts)) == 1
        rows.append([f"`{name}`", bound(first), *(measured(claim) + ("" if same else f": {claim['verdict']}") for claim in claims),
                     verdicts[0] if same else "**differs**"])
    return markdown(["claim", "bound", *(f"base seed {result['seed']}" for result in results), "verdict"], rows)


def report_table(result, name):
    for table in result["tables"]:
        if table["id"] != name:
            continue
        # Times are not results: two equal runs differ in them.
        kept = [i for i, column in enumerate(table["columns"]) if not column.endswith("_seconds")]
        show = lambda cell: number(cell) if not isinstance(cell, str) else cell or NAN
        return markdown([table["columns"][i].replace("_", " ") for i in kept], [[show(row[i]) for i in kept] for row in table["rows"]])
    known = ", ".join(table["id"] for table in result["tables"])
    sys.exit(f"claims_table.py: no table '{name}'; this run has {known}")


def render(results, what):
    if what.startswith("table "):
        return report_table(results[0], what[len("table "):])
    if what == "claims full":
        return full_table(results[0])
    if what == "claims seeds":
        return seeds_table(results)
    return claims_table(results[0], brief=what == "claims brief")


def rendered_block(results, match):
    head, what, study, _, end = match.groups()
    other = study and study != results[0]["study"] or what == "claims seeds" and len(results) == 1
    return match[0] if other else head + render(results, what) + "\n" + end


def read_result(folder):
    path = pathlib.Path(folder) / "result.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        sys.exit(f"claims_table.py: no {path}: the run is not finished, or this is not a run directory")


def main(arguments):
    count = next((i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    if count == 0:
        sys.exit(__doc__.strip())
    results, options = [read_result(folder) for folder in arguments[:count]], arguments[count:]
    if len({result["study"] for result in results}) > 1:
        sys.exit("claims_table.py: these are runs of different studies")
    if not options:
        print(render(results, "claims"))
    elif options == ["--brief"]:
        print(render(results, "claims brief"))
    elif options[0] == "--table" and len(options) == 2:
        print(render(results, "table " + options[1]))
    elif options[0] == "--into" and len(options) > 1:
        for name in options[1:]:
            file = pathlib.Path(name)
            text, count = BLOCK.subn(lambda match: rendered_block(results, match), file.read_text(encoding="utf-8"))
            if count == 0:
                sys.exit(f"claims_table.py: {name} has no <!-- claims --> ... <!-- end --> lines")
            file.write_text(text, encoding="utf-8")
    else:
        sys.exit(__doc__.strip())


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` is no fault
    main(sys.argv[1:])
