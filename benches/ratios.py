"""The table and the goals."""

import statistics

LIMIT, FRESH, KEPT, IMG2DATASET = "wrk, the limit", "wget2, fresh folder", "wget2, kept folder", "img2dataset"
PROCESSES = ("it", "producer", "downloader", "worker", "nginx", "broker")


def rate(measured, name):
    """The median of the rates; None for whom there are none."""
    taken = measured.get(name)
    return statistics.median(one.rate for one in taken) if taken else None


def ratio(one, other, form="{:.2f}"):
    return form.format(one / other) if one and other else "–"


def best_wget2(measured):
    return max((one for one in (rate(measured, FRESH), rate(measured, KEPT)) if one), default=None)


def table(ways, measured):
    lines = [
        "| | rounds | images/s, median | least to most | of wrk | × wget2's best | × img2dataset | CPU seconds for 1,000 images | most memory, MiB |",
        "|---|--:|--:|--:|--:|--:|--:|---|---|",
    ]
    all_of_them = max((one.images for taken in measured.values() for one in taken if one.stores), default=0)
    for name in (way.name for way in ways):
        taken, median = measured[name], rate(measured, name)
        rates = sorted(one.rate for one in taken)
        missing = all_of_them > min(one.images for one in taken)
        lines.append(
            f"| {name}{' (some are missing)' if missing and taken[0].stores else ''} | {len(taken)} | {median:,.0f} | {rates[0]:,.0f} to {rates[-1]:,.0f} "
            f"| {ratio(median, rate(measured, LIMIT))} | {ratio(median, best_wget2(measured))} | {ratio(median, rate(measured, IMG2DATASET), '{:.0f}')} "
            f"| {of_processes(taken, lambda one, process: one.cpu[process] / one.images * 1000, '{:.3f}')} "
            f"| {of_processes(taken, lambda one, process: one.memory[process], '{:.0f}')} |"
        )
    return "\n".join(lines)


def of_processes(taken, value, form):
    """The medians of what every process took."""
    told = []
    for process in PROCESSES:
        try:
            median = statistics.median(value(one, process) for one in taken)
        except KeyError:
            continue
        told.append(f"{'' if process == 'it' else process + ' '}{form.format(median)}")
    return ", ".join(told)


def goals(measured):
    """Prints each goal with what was reached. Whether all that could be measured are reached."""
    def cost(name, process):
        return statistics.median(one.cpu[process] / one.images * 1000 for one in measured[name])

    def of(name, other):
        one, other = rate(measured, name), other if isinstance(other, float) else rate(measured, other)
        return one / other if one and other else None

    fleet, embedded = (lambda layout: f"Warren RabbitMQ, {layout}"), (lambda layout: f"Warren embedded, {layout}")
    packed = fleet("webdataset")
    most = max(max(one.memory["downloader"] for one in measured[fleet(layout)]) for layout in ("files", "webdataset", "warc"))
    told = [
        ("webdataset with RabbitMQ, of wrk's rate", of(packed, LIMIT), 0.30, True),
        ("the same, times wget2's best", of(packed, best_wget2(measured)), 2.5, True),
        ("the same, times img2dataset's", of(packed, IMG2DATASET), 75, True),
        ("warc, of webdataset", of(fleet("warc"), packed), 0.8, True),
        ("files, of wget2's into a fresh folder", of(fleet("files"), FRESH), 1, True),
        *((f"{layout}: RabbitMQ, of embedded", of(fleet(layout), embedded(layout)), 0.8, True) for layout in ("files", "webdataset", "warc")),
        ("the downloader's CPU for an image (webdataset), ms", cost(packed, "downloader"), 0.08, False),
        ("the producer's CPU for an image, ms", cost(packed, "producer"), 0.03, False),
        ("the downloader's memory in all layouts, MiB", most, 64, False),
    ]
    return all([tell(*one) for one in told])


def tell(what, reached, goal, is_least):
    """Prints a goal, a line of a Markdown list. Whether it is reached; one that could not be measured does not count."""
    said = f"{what}: {'at least' if is_least else 'at most'} {goal:g}"
    if reached is None:
        print(f"- {said}; **not measured**")
        return True
    good = reached >= goal if is_least else reached <= goal
    print(f"- {said}; {reached:.3g}, **{'reached' if good else 'not reached'}**")
    return good
