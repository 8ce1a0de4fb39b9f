"""Which known word was meant by one that is not known: for every message that asks "did you mean".

Words are compared without case, dashes, underscores and spaces first; then by how many letters must
be added, dropped, changed or swapped with their neighbour (the Damerau-Levenshtein distance, of
which at most a third of the letters may be wrong).
"""

from collections.abc import Iterable

LONGEST = 100
"""Letters of a word that is looked for."""


def squeeze(word: str) -> str:
    """The word without case, dashes, underscores and spaces: MaxPooling2D -> maxpooling2d."""
    return "".join(c for c in word.lower() if c.isalnum())


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was most likely meant, or None.

    Of words that are equally near without their case, the nearest with it, then the first.

    >>> nearest("learnin_rate", ["learning_rate", "beta_1"])
    'learning_rate'
    >>> nearest("MaxPooling2D", ["dense", "max_pooling2d"])
    'max_pooling2d'
    >>> nearest("lstm", ["dense", "conv2d"])
    """
    if len(word) > LONGEST:
        return None
    every = list(known)
    squeezed = squeeze(word)
    for candidate in every:
        if squeezed and squeezed == squeeze(candidate):
            return candidate
    if len(word) < 2:
        return None
    most = max(1, len(word) // 3)
    found = [
        (far, distance(word, candidate), candidate)
        for candidate in every
        if abs(len(candidate) - len(word)) <= most
        and (far := distance(word.lower(), candidate.lower(), most)) <= most
        and far < len(candidate)
    ]
    return min(found)[2] if found else None


def distance(a: str, b: str, most: int = LONGEST) -> int:
    """How many letters to add, drop, change or swap with their neighbour, to turn a into b; more
    than `most` are not counted.

    >>> distance("kernel", "kernle"), distance("stride", "strides"), distance("relu", "gelu")
    (1, 1, 1)
    """
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        further = [i]
        for j, other in enumerate(b, 1):
            cost = min(row[j] + 1, further[-1] + 1, row[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            further.append(cost)
        if min(further) > most and min(row) > most:
            return most + 1
        before, row = row, further
    return row[-1]
