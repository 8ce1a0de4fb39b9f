"""Findings: what is probably not meant, though it can be computed.

Each has a code, says what was seen and where, and what to do; none changes what is done.
`data.audit: strict` makes errors of them, `off` silences them.
"""

from collections.abc import Iterable

from dlcli.frozen import frozen

CODES = {
    "duplicate_rows": "rows of the validation or test part are in the training part, too",
    "giveaway": "a column alone tells the target",
    "identifier": "a column numbers or names the rows",
    "constant_column": "a column is the same in all training rows",
    "empty_column": "a column has no values, or hardly any",
    "missing_marks": "texts among numbers that stand for no value",
    "ambiguous_dates": "dates that can be read in two ways",
    "leading_zeros": "a column of numbers is written with zeros in front, as codes are",
    "text_among_numbers": "a column is mostly numbers, but is taken for text",
    "two_forms": "two texts of a column look alike and are not the same bytes",
    "rounded_numbers": "whole numbers beyond 2^53, which float64 rounds",
    "lost_numbers": "numbers that float32 cannot tell apart",
    "coarse_target": "targets that float32 cannot tell apart",
    "series": "rows are moments of a series",
    "gap_category": "missing cells are a category of their own",
    "unknown_categories": "categories of the other parts that the training part does not have",
    "empty_bucket": "unknown categories belong with rare ones, and there are none",
    "column_left_out": "a column without a name is not read",
    "rows_left_out": "rows without a target are not read",
    "pictures_left_out": "pictures that cannot be read are left out",
    "other_files": "files of a folder of pictures that are none",
    "rare_classes": "classes of so few rows that a part has none of them",
    "absent_classes": "a part has no row of a class of which there are some elsewhere",
    "single_class": "all training rows are of one class",
    "unknown_labels": "labels that no training row has",
    "exclusive_labels": "labels of which each row has exactly one: classes",
    "surplus_units": "the last layer has units for classes that there are not",
    "channels_first": "images whose channels come first",
    "ids_as_numbers": "a layer computes with ids as if they were amounts",
    "nothing_masked": "a masking layer masks nothing",
    "uneven_parts": "a part has far more or fewer rows than asked for",
}
"""What there is to be found."""

INFORMATION = frozenset(
    {
        "column_left_out",
        "rows_left_out",
        "pictures_left_out",
        "gap_category",
        "unknown_categories",
        "rare_classes",
    }
)
"""What was asked for, or has no other way: said, and no error under `strict`."""


@frozen
class Finding:
    """code: one of `CODES`. sentence: what was seen, and where. fix: what to do."""

    code: str
    sentence: str
    fix: str

    def __str__(self) -> str:
        return f"{self.sentence}: {self.fix}"

    def told(self) -> str:
        """For people, with the code by which it is looked up.

        >>> Finding("identifier", "column 'nr' numbers the rows", "leave it out").told()
        "column 'nr' numbers the rows: leave it out [identifier]"
        """
        return f"{self} [{self.code}]"

    def of(self, subject: str) -> "Finding":
        """The same about a part of the data.

        >>> str(Finding("identifier", "'nr' numbers the rows", "leave it out").of("input 'a'"))
        "input 'a': 'nr' numbers the rows: leave it out"
        """
        return Finding(self.code, f"{subject}: {self.sentence}", self.fix)

    def to_json(self) -> dict[str, str]:
        """For programs."""
        return {"code": self.code, "sentence": self.sentence, "fix": self.fix}


def errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that are errors under `strict`."""
    return tuple(finding for finding in findings if finding.code not in INFORMATION)
