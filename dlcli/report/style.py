"""How a page looks: colors of both schemes, and the style sheet.

The print is always in light colors: the dark ones are for screens alone.
"""

LIGHT = {
    "paper": "#ffffff",
    "raised": "#f4f6f8",
    "line": "#cfd6dd",
    "ink": "#1b2128",
    "soft": "#56616c",
    "warn": "#8a4300",
    "link": "#0b5cb8",
    "q0": "#ffffff",
    "q1": "#eaf2fc",
    "q2": "#d3e5fa",
    "q3": "#b5d3f5",
    "q4": "#94beef",
    "q5": "#77aae6",
    "c0": "#0b5cb8",
    "c1": "#b04a00",
    "c2": "#1a7433",
    "c3": "#9c2479",
    "c4": "#6441c2",
    "c5": "#7d6200",
    "c6": "#0b7080",
    "c7": "#ba2029",
}
DARK = {
    "paper": "#12161b",
    "raised": "#1b2128",
    "line": "#3a444e",
    "ink": "#e8ecf0",
    "soft": "#a4afba",
    "warn": "#f0b36e",
    "link": "#7db8ff",
    "q0": "#12161b",
    "q1": "#152536",
    "q2": "#17314d",
    "q3": "#1a3e66",
    "q4": "#1d4c80",
    "q5": "#205a99",
    "c0": "#6cb0ff",
    "c1": "#f0a35e",
    "c2": "#6cc98a",
    "c3": "#ee8fd0",
    "c4": "#b79bff",
    "c5": "#d9bd4a",
    "c6": "#5cc7d6",
    "c7": "#ff8f8f",
}
"""paper, raised: what text stands on; ink, soft, warn, link: text. q0 to q5: shades of a matrix,
under ink. c0 to c7: curves, and the words that name them."""

SHADES = 6
COLORS = 8

_RULES = """
* { box-sizing: border-box }
html { color-scheme: light dark; -webkit-text-size-adjust: 100% }
body { margin: 0 auto; max-width: 80rem; padding: 1rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0; overflow-wrap: anywhere }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line);
  padding-bottom: .25rem }
h3, h4 { font-size: 1rem; margin: 1.25rem 0 .5rem }
p, li { max-width: 75ch; overflow-wrap: anywhere }
p { margin: .5rem 0 }
ul { padding-left: 1.25rem; margin: .5rem 0 }
code, pre { font: .9em/1.45 ui-monospace, "SF Mono", Menlo, Consolas, monospace }
pre { background: var(--raised); padding: .75rem; overflow: auto; max-height: 40rem }
.soft { color: var(--soft) }
.warn { color: var(--warn); font-weight: 600 }
.facts { display: flex; flex-wrap: wrap; gap: .5rem; margin: 1rem 0; padding: 0;
  list-style: none }
.facts li { background: var(--raised); border-radius: .4rem; padding: .5rem .8rem }
.facts b { display: block; font-size: 1.15rem; font-variant-numeric: tabular-nums }
.facts span { color: var(--soft) }
.box { overflow-x: auto; margin: .5rem 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line);
  vertical-align: top; font-weight: normal }
th { white-space: nowrap }
thead th { color: var(--soft); vertical-align: bottom }
.n { text-align: right; white-space: nowrap }
thead th, thead .n { white-space: normal }
.level { width: max-content }
.level td { max-width: 24rem }
.matrix td { text-align: right; min-width: 2.6rem; border: 1px solid var(--line) }
.sideways td { min-width: 2.3rem; padding: .25rem .4rem }
.sideways thead th { writing-mode: vertical-rl; writing-mode: sideways-lr; text-align: left;
  vertical-align: bottom; white-space: nowrap; padding: .4rem .25rem }
.tiles { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)) }
img.row { width: 8rem; max-width: 100%; image-rendering: pixelated; border: 1px solid var(--line) }
.narrow { grid-template-columns: repeat(auto-fill, minmax(min(100%, 11rem), 1fr)) }
.wide { grid-template-columns: repeat(auto-fill, minmax(min(100%, 36rem), 1fr)) }
.tile { min-width: 0 }
figure { margin: 0; min-width: 0; break-inside: avoid }
figcaption { font-weight: 600; overflow-wrap: anywhere }
figcaption code, h3 code { font-weight: inherit }
.key { font-weight: normal; white-space: nowrap; margin-left: .75rem }
.runs { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .1rem 1.25rem }
svg { display: block; width: 100%; height: auto }
svg text { font: 11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  fill: var(--soft) }
.grid { stroke: var(--line); stroke-width: 1 }
.best { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 3 3 }
.l, .p { fill: none; stroke: currentColor; stroke-linecap: round; stroke-linejoin: round }
.l { stroke-width: 1.6 }
.p { stroke-width: 5 }
.many .p { stroke-width: 3 }
.p .b { stroke-width: 8 }
.p path:hover { stroke-width: 9 }
.filters { display: flex; flex-wrap: wrap; gap: .4rem }
.filters svg { width: 3.2rem; border: 1px solid var(--line) }
@media screen and (max-width: 40rem) {
  th:first-child { position: sticky; left: 0; background: var(--paper); max-width: 55vw;
    white-space: normal; overflow-wrap: break-word }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt }
  table { font-size: 9pt }
  pre { max-height: none; white-space: pre-wrap; overflow-wrap: anywhere }
  .box { overflow: visible }
  .tiles { grid-template-columns: 1fr 1fr }
  .wide { grid-template-columns: 1fr }
  .narrow { grid-template-columns: repeat(4, 1fr) }
  .level { width: auto }
  td, thead th { overflow-wrap: anywhere }
  .matrix td { min-width: 0 }
  .sideways td { padding: .15rem; font-size: 7.5pt }
  tbody th { white-space: normal; overflow-wrap: break-word }
  section { break-inside: auto }
  tr, .matrix { break-inside: avoid }
  h2, h3, .tile .soft { break-after: avoid }
  td { print-color-adjust: exact; -webkit-print-color-adjust: exact }
}
"""


def style_sheet() -> str:
    """The style of a page."""
    shades = "\n".join(f".q{n} {{ background: var(--q{n}) }}" for n in range(SHADES))
    colors = "\n".join(f".c{n} {{ color: var(--c{n}) }}" for n in range(COLORS))
    dark = f"@media screen and (prefers-color-scheme: dark) {{\n{_root(DARK)}\n}}"
    return f"{_root(LIGHT)}\n{dark}{_RULES}{shades}\n{colors}\n"


def _root(colors: dict[str, str]) -> str:
    values = "; ".join(f"--{name}: {value}" for name, value in colors.items())
    return f":root {{ {values} }}"
