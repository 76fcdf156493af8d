"""What a student says of pairs: the features of all, the checked ones spoilt word by word, and kinds that are told apart."""

import torch

from reweigh.metrics import auroc
from reweigh.rightness.pairs import PAIR_KINDS
from reweigh.tasks import Translation
from reweigh.tasks.pairs_seen import in_parts, pairs_seen

COUNT, CHECKED, WORDS = 400, 80, 40


def sentences(count, seed):
    """Sources of two-piece words, and targets that are WORDS above them."""
    draw = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(count):
        words = torch.randint(10, 10 + WORDS // 2, (int(torch.randint(4, 9, (1,), generator=draw)),), generator=draw)
        found.append([piece for word in (2 * words).tolist() for piece in (word, word + 1)])
    return found, [[piece + 100 for piece in text] for text in found]


def loss(sources, targets):
    """Low where each piece of the target has its source at the same place."""
    found = []
    for source, target in zip(sources, targets, strict=True):
        hits = sum(one + 100 == other for one, other in zip(source, target, strict=False))
        found.append(5.0 - 4.0 * hits / max(len(target), 1))
    return torch.tensor(found)


def test_words_are_spoilt_and_not_their_pieces():
    sources, targets = sentences(20, 0)
    asked = []

    def listening(some, others):
        asked.extend(others)
        return loss(some, others)

    starts = frozenset(range(0, 200, 2))
    view = pairs_seen(listening, (sources, targets), (sources[:3], targets[:3]), starts)
    assert view.given.shape == (23, 6)
    assert set(view.spoilt) == set(PAIR_KINDS)
    assert all(features.shape == (23, 6) for features in view.spoilt.values())
    assert all(
        text[place] % 2 == 0 and text[place + 1] == text[place] + 1
        for text in asked
        for place in range(0, len(text), 2)
    )
    assert any(text not in targets and sorted(text) in map(sorted, targets) for text in asked)  # shuffled


def test_many_are_asked_about_in_parts_of_the_same_length():
    sizes = []

    def noting(sources, targets):
        sizes.append((len(targets), max(map(len, targets)) - min(map(len, targets))))
        return loss(sources, targets)

    sources, targets = sentences(600, 1)
    torch.testing.assert_close(in_parts(noting)(sources, targets), loss(sources, targets))
    assert [size for size, _ in sizes] == [250, 250, 100]
    assert max(spread for _, spread in sizes) <= 6


def test_misaligned_and_copied_pairs_are_told_apart_and_counted():
    sources, targets = sentences(COUNT, 2)
    wrong = torch.arange(COUNT) < 200
    given = [*targets[1:121], targets[0], *sources[121:200], *targets[200:]]  # 121 exchanged, 79 copied
    task = Translation(tuple(map(str, range(250))))
    view = pairs_seen(loss, sentences(CHECKED, 3), (sources, given), frozenset(range(0, 250, 2)))
    found = task.judged(view, torch.zeros(CHECKED + COUNT, 5), torch.arange(CHECKED), seed=0)
    right = torch.from_numpy(found.right[CHECKED:])
    assert auroc(-right, wrong) > 0.98
    assert abs(found.share - 0.5) < 0.1
    assert abs(found.kinds["exchanged"] - 0.3) < 0.1
    assert abs(found.kinds["copied"] - 0.2) < 0.1
    for kind, share in found.kinds.items():
        low, high = found.kind_intervals[kind]
        assert low - 0.02 <= share <= high + 0.02
    assert set(found.kind[CHECKED:][~found.checked[CHECKED:]][121:200]) == {"copied"}
    assert "of the pairs look wrong" in found.sentence()
