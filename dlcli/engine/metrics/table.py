"""The metrics by their words in the config."""

from dlcli.engine.metrics import classes, errors, ranking
from dlcli.engine.metrics.base import Metric

METRICS: dict[str, type[Metric]] = {
    "accuracy": classes.Accuracy,
    "average_precision": ranking.AveragePrecision,
    "balanced_accuracy": classes.BalancedAccuracy,
    "confusion_matrix": classes.ConfusionMatrix,
    "f1": classes.F1,
    "f1_per_class": classes.F1PerClass,
    "f1_weighted": classes.F1Weighted,
    "log_loss": classes.LogLoss,
    "matthews": classes.Matthews,
    "mean_absolute_error": errors.MeanAbsoluteError,
    "mean_absolute_percentage_error": errors.MeanAbsolutePercentageError,
    "mean_squared_error": errors.MeanSquaredError,
    "precision": classes.Precision,
    "precision_per_class": classes.PrecisionPerClass,
    "precision_weighted": classes.PrecisionWeighted,
    "r2": errors.R2,
    "recall": classes.Recall,
    "recall_per_class": classes.RecallPerClass,
    "recall_weighted": classes.RecallWeighted,
    "roc_auc": ranking.RocAuc,
    "root_mean_squared_error": errors.RootMeanSquaredError,
    "top_k_accuracy": classes.TopKAccuracy,
}
