"""How good a network is, as HTML: the metrics of each part, the confusion matrix, each class."""

from collections.abc import Sequence

from dlcli.deploy.card_metrics import of_matrix
from dlcli.deploy.card_wording import MOST_CLASSES, count_of, largest, number
from dlcli.report.described import Part, RunPage
from dlcli.report.markup import boxed, code, escaped, paragraph, table
from dlcli.report.plots import looked_at, name_of, plots_of
from dlcli.report.plotted import figure
from dlcli.report.style import SHADES

_LONGEST_NAME = 30
_LONGEST_HEAD = 40
"""Characters of all names above a matrix; of more, they are written sideways."""


def metrics(run: RunPage) -> str:
    """One line a metric, one column a part."""
    names = dict.fromkeys(name for part in run.parts for name in part.scalars)
    if not names:
        return ""
    header = [
        "metric",
        *(f"{escaped(part.role, 80)} ({count_of(part.rows, 'row')})" for part in run.parts),
    ]
    rows = [
        [
            code(name),
            *(number(part.scalars[name]) if name in part.scalars else "" for part in run.parts),
        ]
        for name in names
    ]
    return table(header, rows, len(run.parts))


def of_classes(run: RunPage, part: Part) -> str:
    """The matrices of a part, and the table of its classes."""
    found = []
    for name, matrix in part.matrices.items():
        title = f"Confusion matrix of the {escaped(part.role, 80)} part"
        if len(part.matrices) > 1:
            title += f": {code(name)}"
        found.append(f"<h3>{title}</h3>\n{_matrix(run, matrix)}")
    found += [_labels(run, part, name) for name in part.of_labels]
    found.append(_by_class(run, part))
    tiles = "\n".join(f'<div class="tile">\n{text}\n</div>' for text in found if text)
    return f'<div class="tiles wide">\n{tiles}\n</div>' if tiles else ""


def of_answers(run: RunPage, part: Part) -> str:
    """The charts of the answers to a part."""
    charts = "\n".join(text for plot in plots_of(run, part) if (text := figure(plot)))
    if not charts or part.answers is None:
        return ""
    told = looked_at(part.answers)
    some = f'\n<p class="soft">{told}</p>' if told else ""
    title = f"Answers of the {escaped(part.role, 80)} part"
    return f'<h3>{title}</h3>{some}\n<div class="tiles">\n{charts}\n</div>'


def _name(run: RunPage, place: int, longest: int = _LONGEST_NAME) -> str:
    """What a class is called; a number where it has no name."""
    return escaped(name_of(run, place), longest)


def _matrix(run: RunPage, matrix: Sequence[Sequence[float]]) -> str:
    """Cells shaded by their share of the row: of all that are of this class."""
    sums = [sum(row) for row in matrix]
    chosen = largest([int(total) for total in sums])
    names = [_name(run, k) for k in chosen]
    heads = "".join(f'<th scope="col" class="n">{name}</th>' for name in names)
    kind = "matrix sideways" if sum(map(len, names)) > _LONGEST_HEAD else "matrix"
    rows = []
    for k in chosen:
        cells = []
        for j in chosen:
            share = matrix[k][j] / sums[k] if sums[k] > 0 else 0.0
            told = f"{_name(run, k)} answered as {_name(run, j)}: {100 * share:.1f} % of the class"
            cells.append(f'<td class="q{_shade(share)}" title="{told}">{number(matrix[k][j])}</td>')
        rows.append(f'<tr><th scope="row">{_name(run, k)}</th>{"".join(cells)}</tr>')
    body = "\n".join(rows)
    inner = f'<thead><tr><th scope="col"></th>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>'
    told = "Rows are true classes, columns are answers; a cell is shaded by its share of the row."
    if len(matrix) > len(chosen):
        told += f" The {len(chosen)} largest of {len(matrix):,} classes are shown."
    return f'<p class="soft">{told}</p>\n{boxed(inner, kind)}'


def _shade(share: float) -> int:
    """Nothing is white, all of it is the darkest; a single row out of many shows, too."""
    if not share > 0:
        return 0
    return min(SHADES - 1, 1 + int(share * (SHADES - 1)))


def _labels(run: RunPage, part: Part, name: str) -> str:
    """The four counts of each label."""
    matrix = part.of_labels[name]
    rows = [
        [_name(run, k), *(number(cell) for row in two for cell in row)]
        for k, two in enumerate(matrix[:MOST_CLASSES])
    ]
    header = ("label", "right no", "wrong yes", "wrong no", "right yes")
    more = ""
    if len(matrix) > MOST_CLASSES:
        more = paragraph(f"The first {MOST_CLASSES} of {len(matrix):,} labels are shown.")
    title = f"Labels of the {escaped(part.role, 80)} part: {code(name)}"
    return f"<h3>{title}</h3>\n{table(header, rows, 4)}{more}"


def _by_class(run: RunPage, part: Part) -> str:
    """What was measured of each class, or follows from a matrix."""
    lists: dict[str, Sequence[float]] = dict(part.lists)
    support: list[float] = []
    if part.matrices:
        matrix = next(iter(part.matrices.values()))
        lists = {**of_matrix(matrix), **lists}
        support = [sum(row) for row in matrix]
    if not lists:
        return ""
    count = max(map(len, lists.values()))
    if support:
        chosen = largest([int(total) for total in support])
    else:
        chosen = list(range(min(count, MOST_CLASSES)))
    rows = [
        [
            _name(run, k, 80),
            *(number(values[k]) if k < len(values) else "" for values in lists.values()),
            *([number(support[k])] if support else []),
        ]
        for k in chosen
    ]
    header = ["class", *(code(name) for name in lists), *(["rows"] if support else [])]
    title = f"Each class of the {escaped(part.role, 80)} part"
    return f"<h3>{title}</h3>\n{table(header, rows, len(header) - 1)}"
