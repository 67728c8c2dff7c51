"""Draws Grafana's dashboards from the data of a Prometheus: draw.py DASHBOARDS PROMETHEUS FROM TO FINDINGS OUT.

FROM and TO are Unix seconds, FINDINGS is the agent's standard output, which stands in for Loki. Everything that a
dashboard's reader can choose is chosen. There is no Grafana in it: the layout is that of the dashboards' grid.
"""

import io
import json
import math
import pathlib
import re
import sys
import urllib.parse
import urllib.request
from datetime import datetime, timezone

import matplotlib

matplotlib.use("Agg")
from matplotlib import dates, pyplot, ticker
from PIL import Image

COLUMN, ROW, GAP = 0.62, 0.34, 0.09  # inches
POINTS = 240
HIDDEN = {"__name__", "job"}
COLOURS = ["#3d71d9", "#e0752d", "#3f9e4d", "#b877d9", "#c4162a", "#8f8f8f", "#1a7f8e", "#d9a400"]
PREFIXES = [(1e9, "G"), (1e6, "M"), (1e3, "k")]
pyplot.rcParams.update({"font.size": 7, "font.family": "DejaVu Sans", "axes.edgecolor": "#cccccc"})


def everything(query, interval):
    """The query with every variable's `All`."""
    query = query.replace("$__rate_interval", f"{interval}s")
    return re.sub(r'"\$\w+"', '".+"', query)


class Prometheus:
    def __init__(self, address, begin, end):
        self.address, self.begin, self.end = address, begin, end
        self.step = max(1, round((end - begin) / POINTS))

    def ask(self, target):
        # As Grafana computes it, for scrapes a second apart.
        query = everything(target["expr"], max(4, self.step + 1))
        if target["instant"]:
            path, parameters = "query", {"query": query, "time": self.end}
        else:
            path = "query_range"
            parameters = {"query": query, "start": self.begin, "end": self.end, "step": self.step}
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url) as answer:
            return json.load(answer)["data"]["result"]


def legend(pattern, labels):
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), pattern)


def in_words(value, unit):
    if not math.isfinite(value):
        return "–"
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "s":
        small = next(((factor, name) for factor, name in [(1e-6, "µs"), (1e-3, "ms")] if value < factor * 1000), None)
        if value and small:
            return f"{value / small[0]:.3g} {small[1]}"
        return f"{value:.3g} s" if value < 600 else f"{value / 60:.3g} min"
    if unit == "bytes":
        return f"{value / 2**20:.3g} MiB"
    factor, prefix = next(((f, p) for f, p in PREFIXES if abs(value) >= f), (1, ""))
    return f"{value / factor:.3g}{prefix}{'/s' if unit == 'ops' else ''}"


def lines(axes, panel, prometheus):
    unit = panel["fieldConfig"]["defaults"]["unit"]
    drawn = 0
    for target in panel["targets"]:
        for series in prometheus.ask(target):
            times = [datetime.fromtimestamp(time, timezone.utc) for time, _ in series["values"]]
            values = [float(value) for _, value in series["values"]]
            name = legend(target["legendFormat"], series["metric"])
            axes.plot(times, values, linewidth=1, color=COLOURS[drawn % len(COLOURS)], label=name)
            drawn += 1
    axes.set_xlim(*(datetime.fromtimestamp(t, timezone.utc) for t in (prometheus.begin, prometheus.end)))
    axes.xaxis.set_major_locator(dates.AutoDateLocator(minticks=3, maxticks=8))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M:%S"))
    axes.yaxis.set_major_locator(ticker.MaxNLocator(4))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: in_words(value, unit)))
    top = axes.get_ylim()[1] if axes.dataLim.ymax > 0 else 1
    axes.set_ylim(-0.03 * top, top)
    axes.grid(color="#eeeeee")
    axes.tick_params(length=0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    names = axes.get_legend_handles_labels()[1]
    if names:
        columns = max(1, min(len(names), 110 // (max(map(len, names)) + 6)))
        shown = columns * 2
        handles = axes.get_legend_handles_labels()[0][:shown]
        axes.legend(handles, names[:shown], loc="upper left", bbox_to_anchor=(-0.02, -0.12), ncols=columns,
                    frameon=False, fontsize=6, handlelength=1, columnspacing=1)


def number(axes, panel, prometheus):
    axes.axis("off")
    result = prometheus.ask(panel["targets"][0])
    unit = panel["fieldConfig"]["defaults"]["unit"]
    text = in_words(float(result[0]["value"][1]), unit) if result else "no data"
    axes.text(0.5, 0.45, text, ha="center", va="center", fontsize=20, color="#3f9e4d", transform=axes.transAxes)


def table(axes, panel, prometheus):
    axes.axis("off")
    result = prometheus.ask(panel["targets"][0])
    columns = sorted({label for series in result for label in series["metric"]} - HIDDEN)
    rows = [[series["metric"].get(label, "") for label in columns] + [series["value"][1]] for series in result]
    rows = [columns + ["Value"]] + rows[:9]
    widths = fitted([max(map(len, column)) for column in zip(*rows)], panel["gridPos"]["w"] * 7)
    left = 0
    for column, width in enumerate(widths):
        for row, cells in enumerate(rows):
            text = cells[column] if len(cells[column]) <= width else cells[column][: width - 1] + "…"
            axes.text(left, 0.98 - row * 0.1, text, fontsize=6, va="top", transform=axes.transAxes,
                      color="black" if row else COLOURS[0], family="DejaVu Sans Mono")
        left += (width + 2) / (panel["gridPos"]["w"] * 7.4)
    for row in range(len(rows)):
        axes.axhline(0.91 - row * 0.1, color="#dddddd", linewidth=0.5)
    axes.set_ylim(0, 1)


def fitted(lengths, room):
    """Lengths that together fit: the longest give way."""
    limit = max(lengths)
    while limit > 4 and sum(min(length, limit) + 2 for length in lengths) > room:
        limit -= 1
    return [min(length, limit) for length in lengths]


def logs(axes, findings):
    axes.axis("off")
    for row, line in enumerate(reversed(findings[-12:])):
        event = json.loads(line)
        time = datetime.fromtimestamp(event["time"] / 1000, timezone.utc)
        text = f"{time:%Y-%m-%d %H:%M:%S}  {event['severity']:8} {event['message']}"
        axes.text(0, 0.97 - row * 0.08, text, family="DejaVu Sans Mono", va="top", transform=axes.transAxes)


def draw(dashboard, prometheus, findings, out):
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    size = (24 * COLUMN, (height + 2) * ROW)
    figure = pyplot.figure(figsize=size, facecolor="#f4f5f5")
    top = size[1] - 2 * ROW
    figure.text(GAP / size[0], 1 - ROW / size[1], dashboard["title"], fontsize=12, weight="bold", va="center")
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        left, width = place["x"] * COLUMN + GAP, place["w"] * COLUMN - 2 * GAP
        bottom, tall = top - (place["y"] + place["h"]) * ROW + GAP, place["h"] * ROW - 2 * GAP
        if panel["type"] == "row":
            figure.text(left / size[0], (bottom + tall / 2) / size[1], panel["title"], weight="bold", va="center")
            continue
        background = figure.add_axes([left / size[0], bottom / size[1], width / size[0], tall / size[1]])
        background.set(xticks=[], yticks=[])
        figure.text((left + GAP) / size[0], (bottom + tall - GAP) / size[1], panel["title"], fontsize=8, va="top")
        is_graph = panel["type"] == "timeseries"
        inner = [left + (0.55 if is_graph else 0.12), bottom + (0.62 if is_graph else 0.08),
                 width - (0.75 if is_graph else 0.24), tall - (0.95 if is_graph else 0.38)]
        axes = figure.add_axes([inner[0] / size[0], inner[1] / size[1], inner[2] / size[0], inner[3] / size[1]])
        if is_graph:
            lines(axes, panel, prometheus)
        elif panel["type"] == "stat":
            number(axes, panel, prometheus)
        elif panel["type"] == "table":
            table(axes, panel, prometheus)
        else:
            logs(axes, findings)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=100)
    # Few colours make small files.
    Image.open(picture).convert("RGB").quantize(128).save(out / f"{dashboard['uid']}.png", optimize=True)


def main():
    dashboards, address, begin, end, findings, out = sys.argv[1:]
    prometheus = Prometheus(address, float(begin), float(end))
    findings = pathlib.Path(findings).read_text().splitlines()
    for file in sorted(pathlib.Path(dashboards).glob("*.json")):
        draw(json.loads(file.read_text()), prometheus, findings, pathlib.Path(out))


main()
