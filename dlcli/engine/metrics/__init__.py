"""How good the answers are, in the measures people report.

Most metrics are computed in two steps. A tally counts over some rows, and tallies of shards and
batches add, so a metric of any amount of data costs one small array. The value is then a pure
function of the tally. Metrics that read the same tally share it: accuracy, precision, recall
and f1 are all functions of one confusion matrix, the errors of a regression of one array of
sums. Other metrics depend on which rows come before which, so they are functions of the answers to
all rows, which are kept in memory until the last one has come (see rows.py).

What is known of a metric stands on its class: what it suits, whether it is one number, what it is
a function of. Nothing else has lists of their names.

A `MetricSet` holds the metrics of a run. Its y are answers (`Loss.predict` of the outputs):

    multiclass  y (n, K) probabilities, the largest is the answer (of equal ones the first);
                t (n,) class ids or (n, K) one-hot
    binary      y (n, 1) probabilities, above 0.5 is a yes; t (n,) or (n, 1) of 0 and 1
    multilabel  y (n, k) probabilities, each above 0.5 is a yes; t (n, k) of 0 and 1
    regression  y (n, *out_shape); t the same, or (n,) where a row has one output

Definitions and the treatment of 0/0 are scikit-learn's, and are stated where they are made.
"""

from dlcli.engine.metrics.base import Counted, Metric, MetricError, OverRows, Value
from dlcli.engine.metrics.learned import Kind, Learned
from dlcli.engine.metrics.metric_set import MetricSet, Subjects
from dlcli.engine.metrics.rows import Answered, Rows
from dlcli.engine.metrics.table import METRICS
from dlcli.engine.metrics.tallies import Confusion, Errors, LabelConfusion, Tally

__all__ = [
    "METRICS",
    "Answered",
    "Confusion",
    "Counted",
    "Errors",
    "Kind",
    "LabelConfusion",
    "Learned",
    "Metric",
    "MetricError",
    "MetricSet",
    "OverRows",
    "Rows",
    "Subjects",
    "Tally",
    "Value",
]
