"""How good a network is, as HTML: the metrics of each part, the confusion matrix, each class."""

from collections.abc import Sequence

from dlcli.deploy.card_metrics import of_matrix
from dlcli.deploy.card_wording import MOST_CLASSES, largest, number
from dlcli.report.described import Part, RunPage
from dlcli.report.markup import boxed, code, escaped, paragraph, table
from dlcli.report.matrices import Matrix, shown
from dlcli.report.plots import looked_at, name_of, plots_of
from dlcli.report.plotted import figure
from dlcli.wording import counted

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
        *(f"{escaped(part.role, 80)} ({counted(part.rows, 'row')})" for part in run.parts),
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
        found.append(f"<h3>{title}</h3>\n{_matrix(run, shown(matrix))}")
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


def _matrix(run: RunPage, matrix: Matrix) -> str:
    """Cells shaded by their share of the row: of all that are of this class."""
    names = [_name(run, k) for k in matrix.places]
    heads = "".join(f'<th scope="col" class="n">{name}</th>' for name in names)
    kind = "matrix sideways" if sum(map(len, names)) > _LONGEST_HEAD else "matrix"
    rows = []
    for k, row in zip(matrix.places, matrix.rows, strict=True):
        cells = []
        for j, cell in zip(matrix.places, row, strict=True):
            share = f"{100 * cell.share:.1f} % of the class"
            told = f"{_name(run, k)} answered as {_name(run, j)}: {share}"
            cells.append(f'<td class="q{cell.shade}" title="{told}">{number(cell.count)}</td>')
        rows.append(f'<tr><th scope="row">{_name(run, k)}</th>{"".join(cells)}</tr>')
    body = "\n".join(rows)
    inner = f'<thead><tr><th scope="col"></th>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>'
    told = "Rows are true classes, columns are answers; a cell is shaded by its share of the row."
    if matrix.cut:
        told += f" {matrix.cut}"
    return f'<p class="soft">{told}</p>\n{boxed(inner, kind)}'


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
