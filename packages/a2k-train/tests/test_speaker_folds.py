import pytest

from a2k_train.data.speaker_folds import speaker_folds

NAMES = "aaaaabbbccddefgh"
LENGTHS = [10 + index for index in range(len(NAMES))]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("folds", [2, 3, 5, 8])
def test_no_speaker_is_in_two_folds(folds, seed):
    parts = speaker_folds(NAMES, LENGTHS, folds=folds, seed=seed)
    assert len(parts) == folds
    assert sorted(index for part in parts for index in part) == list(range(len(NAMES)))
    homes = [{NAMES[index] for index in part} for part in parts]
    assert all(homes)
    assert sum(len(home) for home in homes) == len(set(NAMES))


def test_the_seed_decides_among_equals():
    def deal(seed):
        return speaker_folds("abcdefgh", 8 * [10], folds=4, seed=seed)

    assert deal(0) == deal(0)
    assert any(deal(0) != deal(seed) for seed in range(1, 6))


def test_folds_are_about_equal():
    speakers = [f"s{index}" for index in range(20)]
    assert [len(part) for part in speaker_folds(speakers, 20 * [10], folds=5)] == [4] * 5


def test_more_folds_than_speakers_are_refused():
    with pytest.raises(ValueError, match="at least 4 speakers for 4 folds, got 3"):
        speaker_folds(["ada", "ada", "bob", "cyd"], [70, 70, 70, 10], folds=4)
