"""The data-flow diagram as SVG: trust zones, components, and on each arrow the kinds of data that it carries.

Owns the drawing only. Columns are trust zones; an arrow goes from who opens the connection to who is asked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from appliance.topology import Component, Flow, Port, Topology

# Letters on the arrows, in the legend's order.
LETTERS = {
    "credentials": "C", "documents": "D", "questions": "Q", "answers": "A", "embeddings": "E", "records": "R",
    "configuration": "F", "signals": "S", "readings": "N", "operations": "O",
}  # fmt: skip
ZONE_TITLES = {
    "outside": "Outside", "site": "The site's services", "front": "Front", "application": "Application",
    "state": "State", "models": "Models", "border": "Border",
}  # fmt: skip
COLUMNS = (("outside", "site"), ("front", "border"), ("state",), ("application",), ("models",))
BOX_WIDTH, BOX_HEIGHT, BOX_GAP = 148, 44, 40
ZONE_PADDING, ZONE_TITLE, ZONE_GAP = 18, 26, 34
COLUMN_GAP, MARGIN, LEGEND_ROW = 128, 24, 20
LOOP = 56  # how far an arrow between two boxes of one column swings out
ROLE = 'role="img" aria-labelledby="title desc"'
HEAD = """\
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">
<path class="head" d="M0 0L8 4L0 8z"/></marker></defs>"""
STYLE = """\
  svg { --ink: #1c2430; --quiet: #5b6675; --paper: #ffffff; --zone: #f3f5f8; --line: #c3cad4; --accent: #2458a6; }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #e6eaf0; --quiet: #a2adbb; --paper: #14181f; --zone: #1c222b; --line: #3c4654; --accent: #8ab4f8; }
  }
  .paper { fill: var(--paper); } .zone { fill: var(--zone); stroke: var(--line); stroke-dasharray: 5 4; }
  .box { fill: var(--paper); stroke: var(--ink); } .theirs { stroke: var(--quiet); stroke-dasharray: 3 3; }
  text { font: 13px system-ui, sans-serif; fill: var(--ink); } .quiet { fill: var(--quiet); font-size: 11px; }
  .title { font-weight: 600; } .flow { fill: none; stroke: var(--accent); stroke-width: 1.4; }
  .head { fill: var(--accent); } .pill { fill: var(--paper); stroke: var(--accent); } .leaves { stroke-width: 3; }
  .letters { font-size: 11px; text-anchor: middle; fill: var(--ink); }
"""


@dataclass(frozen=True)
class Box:
    """A component's rectangle; ``column`` counts from the left."""

    component: Component
    x: float
    y: float
    column: int

    @property
    def middle(self) -> float:
        return self.y + BOX_HEIGHT / 2


@dataclass(frozen=True)
class ZoneBox:
    title: str
    x: float
    y: float
    height: float


@dataclass(frozen=True)
class Area:
    """A rectangle that something fills."""

    x: float
    y: float
    width: float
    height: float

    def meets(self, other: "Area", *, clear: float = 3) -> bool:
        apart_x = self.x + self.width + clear < other.x or other.x + other.width + clear < self.x
        apart_y = self.y + self.height + clear < other.y or other.y + other.height + clear < self.y
        return not (apart_x or apart_y)


@dataclass(frozen=True)
class Curve:
    """A cubic Bezier curve: start, two controls, end, as x and as y."""

    xs: tuple[float, float, float, float]
    ys: tuple[float, float, float, float]

    def at(self, t: float) -> tuple[float, float]:
        rest = 1 - t
        weights = (rest**3, 3 * rest**2 * t, 3 * rest * t**2, t**3)
        x, y = (sum(w * c for w, c in zip(weights, cs, strict=True)) for cs in (self.xs, self.ys))
        return x, y


@dataclass(frozen=True)
class Arrow:
    """Drawn in two layers: the curve behind the boxes, the letters before them."""

    curve: str
    pill: str


def draw(topology: Topology, *, title: str) -> str:
    """The whole SVG document."""
    boxes, zones, bottom = _arrange(topology)
    width = LOOP + 2 * MARGIN + len(COLUMNS) * (BOX_WIDTH + 2 * ZONE_PADDING) + (len(COLUMNS) - 1) * COLUMN_GAP
    legend = _draw_legend(topology, top=bottom + 20)
    height = bottom + 20 + LEGEND_ROW * (2 + (len(topology.data_classes) + 1) // 2) + MARGIN
    arrows = list(_draw_flows(topology.flows, boxes, set(topology.leaving)))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" {ROLE}>',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(_describe(topology))}</desc>',
        f"<style>\n{STYLE}</style>",
        HEAD,
        f'<rect class="paper" width="{width}" height="{height:.0f}"/>',
        *(_draw_zone(zone) for zone in zones),
        *(arrow.curve for arrow in arrows),
        *(_draw_box(box, topology.list_ports(name)) for name, box in boxes.items()),
        *(arrow.pill for arrow in arrows if arrow.pill),
        *legend,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _describe(topology: Topology) -> str:
    """For those who cannot see it; the tables beside the picture say the same in full."""
    return " ".join(
        f"{flow.source} to {flow.target}: {', '.join(flow.data_classes) or 'no data'}." for flow in topology.flows
    )


def _arrange(topology: Topology) -> tuple[dict[str, Box], list[ZoneBox], float]:
    """Zones in columns, components stacked in their zones."""
    boxes: dict[str, Box] = {}
    zones: list[ZoneBox] = []
    bottom = 0.0
    for column, names in enumerate(COLUMNS):
        x = MARGIN + column * (BOX_WIDTH + 2 * ZONE_PADDING + COLUMN_GAP)
        y = float(MARGIN)
        for name in names:
            members = [component for component in topology.components if component.zone == name]
            if not members:
                continue
            height = ZONE_TITLE + len(members) * (BOX_HEIGHT + BOX_GAP) - BOX_GAP + 2 * ZONE_PADDING
            zones.append(ZoneBox(ZONE_TITLES[name], x, y, height))
            for row, component in enumerate(members):
                top = y + ZONE_TITLE + ZONE_PADDING + row * (BOX_HEIGHT + BOX_GAP)
                boxes[component.name] = Box(component, x + ZONE_PADDING, top, column)
            y += height + ZONE_GAP
        bottom = max(bottom, y - ZONE_GAP)
    return boxes, zones, bottom


def _draw_zone(zone: ZoneBox) -> str:
    width = BOX_WIDTH + 2 * ZONE_PADDING
    return (
        f'<rect class="zone" x="{zone.x}" y="{zone.y:.0f}" width="{width}" height="{zone.height:.0f}" rx="10"/>'
        f'<text class="title" x="{zone.x + ZONE_PADDING}" y="{zone.y + 24:.0f}">{escape(zone.title)}</text>'
    )


def _draw_box(box: Box, ports: Sequence[Port]) -> str:
    """Under the name: where it runs, and the ports it listens on; somebody else's are the tables' affair."""
    theirs = " theirs" if box.component.command == "external" else ""
    numbers = ", ".join(str(port.number) for port in ports if port.number)
    where = ", ".join(box.component.places)
    under = "not the appliance's" if theirs else " · ".join(filter(None, (where, numbers)))
    name_y = box.middle + (5 if not under else -2)
    return (
        f'<rect class="box{theirs}" x="{box.x}" y="{box.y:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text class="title" x="{box.x + 12}" y="{name_y:.0f}">{escape(box.component.name)}</text>'
        + (f'<text class="quiet" x="{box.x + 12}" y="{box.middle + 14:.0f}">{escape(under)}</text>' if under else "")
    )


def _draw_flows(flows: Sequence[Flow], boxes: dict[str, Box], leaving: set[Flow]) -> Iterable[Arrow]:
    """Ends are spread along a box's side, so that no two arrows lie on each other; letters keep clear of each other."""
    sides: dict[tuple[str, str], list[Flow]] = {}
    for flow in flows:
        start, end = _sides(boxes[flow.source], boxes[flow.target])
        sides.setdefault((flow.source, start), []).append(flow)
        sides.setdefault((flow.target, end), []).append(flow)
    for (name, side), members in sides.items():
        others = {flow: boxes[flow.target if flow.source == name else flow.source].middle for flow in members}
        sides[name, side] = sorted(members, key=others.__getitem__)
    taken = [Area(box.x, box.y, BOX_WIDTH, BOX_HEIGHT) for box in boxes.values()]
    for flow in flows:
        start, end = _sides(boxes[flow.source], boxes[flow.target])
        curve = _bend(
            _end(boxes[flow.source], start, sides[flow.source, start], flow),
            _end(boxes[flow.target], end, sides[flow.target, end], flow),
            start, end,
        )  # fmt: skip
        yield _draw_arrow(curve, flow, taken, leaves=flow in leaving)


def _sides(source: Box, target: Box) -> tuple[str, str]:
    if source.column == target.column:
        return "right", "right"
    return ("right", "left") if source.column < target.column else ("left", "right")


def _end(box: Box, side: str, members: Sequence[Flow], flow: Flow) -> tuple[float, float]:
    share = (members.index(flow) + 1) / (len(members) + 1)
    return (box.x + (BOX_WIDTH if side == "right" else 0), box.y + BOX_HEIGHT * share)


def _bend(first: tuple[float, float], last: tuple[float, float], start: str, end: str) -> Curve:
    (x1, y1), (x2, y2) = first, last
    reach = LOOP if start == end else max(60.0, abs(x2 - x1) * 0.45)
    c1 = x1 + (reach if start == "right" else -reach)
    c2 = x2 + (reach if end == "right" else -reach)
    return Curve((x1, c1, c2, x2), (y1, y1, y2, y2))


def _draw_arrow(curve: Curve, flow: Flow, taken: list[Area], *, leaves: bool) -> Arrow:
    said = escape(f"{flow.source} to {flow.target}: {', '.join(flow.data_classes) or 'no data'}. {flow.purpose}")
    (x1, c1, c2, x2), (y1, d1, d2, y2) = curve.xs, curve.ys
    line = (
        f'<path class="flow{" leaves" if leaves else ""}" marker-end="url(#head)"'
        f' d="M{x1:.1f} {y1:.1f}C{c1:.1f} {d1:.1f} {c2:.1f} {d2:.1f} {x2:.1f} {y2:.1f}"><title>{said}</title></path>'
    )
    letters = " ".join(LETTERS[name] for name in flow.data_classes)
    if not letters:
        return Arrow(line, "")
    area = _find_room(curve, 8 + 7.4 * len(letters), taken)
    taken.append(area)
    pill = (
        f"<g><title>{said}</title>"
        f'<rect class="pill" x="{area.x:.1f}" y="{area.y:.1f}" width="{area.width:.1f}" height="16" rx="8"/>'
        f'<text class="letters" x="{area.x + area.width / 2:.1f}" y="{area.y + 12:.1f}">{letters}</text></g>'
    )
    return Arrow(line, pill)


def _find_room(curve: Curve, width: float, taken: Sequence[Area]) -> Area:
    """Along the curve, as near to its start as nothing else is: arrows come together at their targets."""
    places = [curve.at(step / 40) for step in range(6, 36)]
    areas = [Area(x - width / 2, y - 8, width, 16) for x, y in places]
    return next((area for area in areas if not any(area.meets(other) for other in taken)), areas[len(areas) // 2])


def _draw_legend(topology: Topology, *, top: float) -> list[str]:
    lines = [f'<text class="title" x="{MARGIN}" y="{top + 12:.0f}">Kinds of data on the arrows</text>']
    rows = (len(topology.data_classes) + 1) // 2
    for position, data_class in enumerate(topology.data_classes):
        x = MARGIN + (position // rows) * 560
        y = top + 12 + LEGEND_ROW * (position % rows + 1)
        text = f"{LETTERS[data_class.name]}  {data_class.name}: {data_class.description}"
        lines.append(f'<text class="quiet" x="{x}" y="{y:.0f}">{escape(text)}</text>')
    leaves = "No arrow leaves the site." if not topology.leaving else "Thick arrows leave the site."
    said = f"An arrow goes from who opens the connection to who is asked. {leaves}"
    y = top + 12 + LEGEND_ROW * (rows + 1)
    return [*lines, f'<text class="quiet" x="{MARGIN}" y="{y:.0f}">{said}</text>']
