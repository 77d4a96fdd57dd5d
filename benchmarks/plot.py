"""Draws docs/benchmarks.svg from results.json: for each workload one bar a peer, the best one full length.

    python3 benchmarks/plot.py
"""
import json
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
TITLES = {
    "W1": ("one to one", "events/s"),
    "W2": ("one to ten", "deliveries/s"),
    "W3": ("a request at a time", "us, median"),
    "W4": ("100 requests in flight", "calls/s"),
    "W5": ("64 KiB payloads", "events/s"),
    "W8": ("one way at 1,000/s", "us, median"),
    "W9": ("a request under load", "us, median"),
    "W6": ("an idle connection", "KiB"),
}
METRICS = {"W3": "p50", "W8": "p50", "W9": "p50", "W6": "kb_per_conn"}      # less is better; others: rate
NO_BROKER = ("cyclonedds", "iceoryx2")
NO_PRODUCT = ("raw",)            # a bound without topics, errors or limits
WIDTH, PANEL, BAR, GAP, NAME, TOP = 760, 360, 15, 6, 112, 46
OURS, PEER, TEXT, FAINT = "#0969da", "#afb8c1", "#1f2328", "#59636e"


def text(x, y, words, size=11, fill=TEXT, anchor="start", weight="normal"):
    style = f'font-size="{size}" fill="{fill}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'


def figures(medians, work):
    """[(peer, value)], the best first; peers without that workload are left out."""
    metric = METRICS.get(work, "rate")
    found = [(peer, works[work][metric]) for peer, works in medians.items()
             if metric in works.get(work, {}) and peer not in NO_PRODUCT]
    return sorted(found, key=lambda pair: pair[1], reverse=work not in METRICS)


def panel(x, y, work, rows):
    """One workload: its title, and a bar for each peer; the length says how much there is of the unit."""
    title, unit = TITLES[work]
    better = "less is better" if work in METRICS else "more is better"
    parts = [text(x, y, title, 13, weight="bold"), text(x + PANEL - 20, y, f"{unit}, {better}", 10, FAINT, "end")]
    most = max(value for _, value in rows)
    room = PANEL - NAME - 90
    for place, (peer, value) in enumerate(rows):
        top = y + 12 + place * (BAR + GAP)
        fill, weight = (OURS, "bold") if peer.startswith("pysig") else (PEER, "normal")
        length = max(1.0, room * value / most)
        box = f'x="{x + NAME}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2"'
        parts.append(text(x + NAME - 8, top + 12, peer, anchor="end", weight=weight))
        parts.append(f'<rect {box} fill="{fill}"/>')
        shown = f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
        parts.append(text(x + NAME + length + 6, top + 12, shown, weight=weight))
    return parts


def draw(results):
    """Give the picture as SVG text."""
    on, medians = results["machine"], results["medians"]
    works = [work for work in TITLES if figures(medians, work)]
    tall = 12 + max(len(figures(medians, work)) for work in works) * (BAR + GAP) + 34
    height = TOP + tall * ((len(works) + 1) // 2)
    size = f'width="{WIDTH}" height="{height}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
             f'<rect {size} fill="white"/>']
    for place, work in enumerate(works):
        parts += panel(20 + (place % 2) * (WIDTH / 2), TOP - 20 + (place // 2) * tall, work, figures(medians, work))
    machine = f"{len(on['cpus'])} cores, Python {on['python']}"
    direct = " and ".join(peer for peer in NO_BROKER if peer in medians)
    way = "through each one's broker or router" + (f" ({direct}: without one)" if direct else "")
    taken = f"{on['date']}, {machine}, {way}; made by: make bench"
    parts += [text(20, height - 10, taken, 10, FAINT), "</svg>\n"]
    return "\n".join(parts)


def main():
    results = json.loads((HERE / "results.json").read_text())
    (HERE.parent / "docs" / "benchmarks.svg").write_text(draw(results))


if __name__ == "__main__":
    main()
