"""The result as a page: measures as rows, products as columns, and how far Millwright is ahead of the best of the others."""

MEASURED = "<!-- Above: written by `make bench-peers`. Below: written by hand; the next run keeps it. -->"
OURS = "Millwright"


def rows_of(result):
    """(what, unit and digits, bigger is better, value of a product or None)"""
    for part in result["parts"]:
        sensors, seconds = part["machines"] * part["sensors"], part["rows"] / part["rate_hz"]
        size, unit = next((size, unit) for size, unit in ((86400, "days"), (60, "min"), (1, "s")) if seconds >= size)
        what = f"{sensors:,} sensors at {part['rate_hz']} Hz, {seconds / size:g} {unit}"
        key = part["prefix"]
        yield f"**In**: {what}; M readings/s", "{:.2f}", True, lambda p, key=key: p["load"][key]["readings_per_s"] / 1e6
    total = sum(part["readings"] for part in result["parts"])
    yield ("Processor time of the server for all of it, ns/reading", "{:.0f}", False,
           lambda p: sum(one["cpu_seconds"] for one in p["load"].values()) / total * 1e9)
    yield "**On disk**, after merging; bytes/reading", "{:.2f}", False, lambda p: p["bytes_per_reading"]
    yield "Memory at most, MB", "{:.0f}", False, lambda p: p["peak_bytes"] / 1e6
    for key, what in result["questions"].items():
        yield f"**Out**: {what}; p50, ms", "{:.2f}", False, lambda p, key=key: p["questions"][key]["p50_ms"]


def table(result):
    measured = {name: p for name, p in result["products"].items() if "unavailable" not in p}
    ours = [name for name in measured if name.startswith(OURS)]
    others = [name for name in measured if name not in ours]
    names = ours + others
    if not names:
        return []
    lines = ["| | " + " | ".join(names) + " | " + " | ".join(f"{name.split(', ')[1]} against the best other" for name in ours) + " |",
             "|---|" + "---:|" * (len(names) + len(ours))]
    for what, form, bigger, value in rows_of(result):
        values = {name: value(measured[name]) for name in names}
        cells = [form.format(values[name]) for name in names]
        for name in ours:
            best = (max if bigger else min)((values[other] for other in others), default=None)
            if not best or not values[name]:
                cells.append("–")
                continue
            cells.append(f"{values[name] / best if bigger else best / values[name]:.3g} ×")
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    return lines


def products(result):
    lines = ["| | version | gets readings as | what an acknowledgement means | not its default | took to settle |",
             "|---|---|---|---|---|---:|"]
    for name, p in result["products"].items():
        if "unavailable" not in p:
            lines.append(f"| {name} | {p['version']} | {p['way']} | {p['promise']} | {p['settings']} | {p['settle_seconds']:.0f} s |")
    lines += ["", *(f"{name} was not measured: {p['unavailable']}." for name, p in result["products"].items() if "unavailable" in p)]
    return lines


def in_process(result):
    if "in_process" not in result:
        return []
    lines = ["", "Millwright's questions without HTTP and text, in one process (`millwright bench query`, as much history):", "",
             "| | rows | p50, ms |", "|---|---:|---:|"]
    return lines + [f"| {q['name']} | {q['rows']:,} | {q['p50_ms']:.2f} |" for q in result["in_process"]["queries"]]


def markdown(result):
    machine = result["machine"]
    nice = f", all at nice {result['nice']}" if result["nice"] else ""
    total = sum(part["readings"] for part in result["parts"])
    return "\n".join([
        "# Millwright beside other databases", "",
        f"{result['date']}, {machine['cpu']}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB, Linux "
        f"{machine['kernel']}; load average {result['load_average_before']:.2f} before and {result['load_average_after']:.2f} after"
        f"{nice}." + (" **Small sizes: these figures prove that all works, no more.**" if result["quick"] else ""), "",
        f"The same {total / 1e6:.1f} M readings (float32 of two decimals: noise of about 5 steps of 0.01 on a load cycle) go into each, one "
        "after the other, with nothing else at work; requests are made before the clock starts. In counts until the last reading is on the "
        "disk (`fdatasync`, the harness's where the server does none) and can be read. All were asked the same over HTTP, by one client on "
        "one kept-open connection, and all gave the same answers.", "",
        *table(result), "", *products(result), *in_process(result), ""])


def write_page(path, text):
    """What was written by hand stays."""
    remarks = path.read_text().partition(MEASURED)[2] if path.exists() else "\n"
    path.write_text(f"{text}\n{MEASURED}{remarks}")
