"""Parts of a dataset that resemble each other: each has its share of the pictures and of each class's labels.

After K. Sechidis, G. Tsoumakas and I. Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011: the class
that has fewest pictures left is dealt out first. Where they look at that class alone, here each picture goes to the
part that is most behind in all that it shows, and labels are counted, not only present or absent; so common classes
come out even too. The number of pictures of a part is kept exactly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from scanstage.dataset.export.splits.shares import Shares


def stratify(labels: Mapping[int, Counter[str]], shares: Shares) -> dict[int, str]:
    """The part of each picture; the same for the same input.

    Args:
        labels: of each picture, by class.
        shares: of the parts, whose sum is taken for the whole.
    """
    room = sizes(len(labels), shares)
    total = sum(shares.values())
    whole = _sum(labels.values())
    lacking = {name: {part: share / total * n for part, share in shares.items()} for name, n in whole.items()}
    pictures: defaultdict[str, list[int]] = defaultdict(list)
    for index, found in labels.items():
        for name in found:
            pictures[name].append(index)
    waiting = dict.fromkeys(labels)
    left = {name: len(having) for name, having in pictures.items()}
    parts: dict[int, str] = {}

    def lack(index: int, part: str) -> tuple[float, float]:
        """How far the part is behind in what the picture shows, a label of a rare class counting more."""
        found = sum(n * lacking[name][part] / whole[name] ** 2 for name, n in labels[index].items())
        return found / shares[part], room[part] / shares[part]

    def give(index: int) -> None:
        part = max((part for part, n in room.items() if n), key=lambda p: lack(index, p))
        parts[index] = part
        room[part] -= 1
        del waiting[index]
        for other, n in labels[index].items():
            lacking[other][part] -= n
            left[other] -= 1

    while left:
        name = min(left, key=lambda n: (left[n], n))
        # Those with many labels of it first: the last ones then even out what is left.
        for index in sorted((i for i in pictures[name] if i in waiting), key=lambda i: (-labels[i][name], i)):
            give(index)
        del left[name]
    for index in sorted(waiting):
        give(index)
    return parts


def sizes(pictures: int, shares: Shares) -> dict[str, int]:
    """How many pictures each part gets: by the largest remainders, and none is empty where there are enough."""
    total = sum(shares.values())
    exact = {part: pictures * share / total for part, share in shares.items()}
    found = {part: int(n) for part, n in exact.items()}
    for part in sorted(found, key=lambda p: found[p] - exact[p])[: pictures - sum(found.values())]:
        found[part] += 1
    if pictures >= len(found):
        for part in [p for p, n in found.items() if n == 0]:
            found[max(found, key=lambda p: found[p])] -= 1
            found[part] = 1
    return found


def _sum(counters: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for counter in counters:
        total.update(counter)
    return total
