"""The requirement against the load, drawn as SVG: a panel for each team, the day from left to right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from sim.scenario import DAY_MS
from sim.staffing.requirement import Requirement

WIDTH, PANEL, LEFT, RIGHT, TOP = 880, 170, 56, 24, 42
PEOPLE, LOAD, PLAN = "#1f5fa8", "#d97706", "#9aa3ad"


def draw(
    requirement: Requirement, plan: Requirement, loads: Mapping[str, Sequence[float]], texts: Mapping[str, str]
) -> str:
    """``texts``: title, people, load, plan (whoever the scenario's own shifts bring)."""
    teams = list(requirement.people)
    height = TOP + PANEL * len(teams) + 16
    size = f'width="{WIDTH}" height="{height}" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {size} font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="18" font-size="15" font-weight="600">{escape(texts["title"])}</text>',
    ]
    for place, (name, colour) in enumerate((("people", PEOPLE), ("load", LOAD), ("plan", PLAN))):
        at = LEFT + place * 250
        parts.append(f'<line x1="{at}" x2="{at + 24}" y1="32" y2="32" stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<text x="{at + 30}" y="36">{escape(texts[name])}</text>')
    for place, team in enumerate(teams):
        top = TOP + place * PANEL
        courses = (plan.people[team], loads[team], requirement.people[team])
        parts += _panel(team, top, requirement.interval_ms, courses)
    return "\n".join([*parts, "</svg>"])


def _panel(team: str, top: int, interval_ms: int, courses: Sequence[Sequence[float]]) -> list[str]:
    highest = max(1.0, *(max(course) for course in courses))
    base, tall = top + PANEL - 26, PANEL - 52

    def x(place: float) -> float:
        return LEFT + place * interval_ms / DAY_MS * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return base - value / highest * tall

    parts = [f'<text x="{LEFT}" y="{top + 16}" font-weight="600">{escape(team)}</text>']
    for value in (0.0, highest / 2, highest):
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#e5e7eb"/>'
        )
        parts.append(f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end" fill="#555">{value:.0f}</text>')
    for hour in range(0, 25, 3):
        at = x(hour * 3_600_000 / interval_ms)
        parts.append(f'<text x="{at:.1f}" y="{base + 16}" text-anchor="middle" fill="#555">{hour:02}</text>')
    for course, colour, dash in zip(courses, (PLAN, LOAD, PEOPLE), (' stroke-dasharray="5 4"', "", ""), strict=True):
        steps = " ".join(
            f"{x(place):.1f},{y(value):.1f} {x(place + 1):.1f},{y(value):.1f}" for place, value in enumerate(course)
        )
        parts.append(f'<polyline points="{steps}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
    return parts
