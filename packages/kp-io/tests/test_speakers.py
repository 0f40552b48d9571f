import unicodedata

import pytest

from kp_io.corpus.sources import find_videos, plan_shards
from kp_io.corpus.speakers import FOLDER_LAYOUTS, Speakers, read_manifest


def table(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text, "utf-8")
    return path


def test_the_first_folder_or_the_name_is_the_speaker():
    speakers = Speakers()
    assert speakers.attribute("anna/talks/1.mp4").speaker == "anna"
    assert speakers.attribute("bert.mp4").speaker == "bert"


def test_voxceleb2_by_name():
    speakers = Speakers(pattern=FOLDER_LAYOUTS["voxceleb2"], val=0.5, test=0.0)
    for path in ("dev/mp4/id00012/_raOc3-IRsw/00110.mp4", "id00012/_raOc3-IRsw/00111.mp4"):
        assert speakers.attribute(path).speaker == "id00012"
        assert speakers.attribute(path).split in ("train", "val")
    assert speakers.attribute("vox2/test/mp4/id00017/01dfn2spqyE/00001.mp4")[:2] == ("id00017", "test")
    with pytest.raises(ValueError, match=r"match .* got talks/anna\.mp4"):
        speakers.attribute("talks/anna.mp4")


def test_splits_are_drawn_by_speaker_in_the_shares_asked_for():
    names = [f"speaker {i}" for i in range(3000)]
    drawn = {name: Speakers(val=0.2, test=0.1).attribute(f"{name}/1.mp4").split for name in names}
    shares = [sum(split == wanted for split in drawn.values()) / len(names) for wanted in ("train", "val", "test")]
    assert shares == pytest.approx([0.7, 0.2, 0.1], abs=0.03)
    speakers = Speakers(val=0.2, test=0.1)
    assert {name: speakers.attribute(f"{name}/2.mp4").split for name in reversed(names)} == drawn
    others = Speakers(val=0.2, test=0.1, seed=1)
    assert {name: others.attribute(f"{name}/1.mp4").split for name in names} != drawn


def test_a_table_of_videos_says_who_where_and_under_what_terms(tmp_path):
    text = "file,speaker,split,licence,notes\na 1.mp4,anna,val,CC BY 4.0,x\nü/b.mp4,bert,,,\nc.mp4,anna,,,\n"
    speakers = Speakers(manifest=read_manifest(table(tmp_path, text)), licence="unknown", val=0, test=0)
    assert speakers.attribute("a 1.mp4") == ("anna", "val", "CC BY 4.0")
    assert speakers.attribute("ü/b.mp4") == ("bert", "train", "unknown")
    assert speakers.attribute("c.mp4").split == "val", "one speaker, one split"
    with pytest.raises(ValueError, match=r"found none with the file d\.mp4"):
        speakers.attribute("d.mp4")


def test_a_table_of_speakers_leaves_who_to_the_path(tmp_path):
    manifest = read_manifest(table(tmp_path, "speaker,split\nanna,hard\n"))
    speakers = Speakers(manifest=manifest, pattern=r"_(?P<speaker>\w+?)_", val=0, test=0)
    assert speakers.attribute("talks/x_anna_1.mp4")[:2] == ("anna", "hard")
    assert speakers.attribute("talks/x_bert_1.mp4")[:2] == ("bert", "train")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "got no row"),
        ("name,split\na,val\n", "expected the columns"),
        ("file,speaker\na.mp4,\n", "line 2"),
        ("file,speaker\na.mp4,anna\na.mp4,anna\n", "every file once"),
        ("speaker,split\nanna,val\nanna,test\n", "anna in val and, in line 3"),
        ("speaker,split\nanna,../val\n", "split's name"),
    ],
)
def test_damaged_tables(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_manifest(table(tmp_path, text))


def test_a_table_that_is_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="found no file"):
        read_manifest(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"speaker,split\n\xe4,val\n")
    with pytest.raises(ValueError, match="UTF-8"):
        read_manifest(tmp_path / "latin.csv")


def test_a_speaker_in_two_splits_is_an_error():
    speakers = Speakers(pattern=r"(?P<split>\w+)/(?P<speaker>\w+)/")
    speakers.attribute("train/anna/1.mp4")
    with pytest.raises(ValueError, match=r"anna in train \(train/anna/1\.mp4\) and in test"):
        speakers.attribute("test/anna/2.mp4")


@pytest.mark.parametrize("pattern", ["(", r"(?P<name>\w+)"])
def test_patterns_that_are_none(pattern):
    with pytest.raises(ValueError, match="expected a"):
        Speakers(pattern=pattern)


def test_shares_beyond_all():
    with pytest.raises(ValueError, match="shares"):
        Speakers(val=0.6, test=0.5)


def test_the_order_is_fixed_and_names_are_unique(tmp_path):
    names = [
        "b/2.mp4",
        "b/1.mkv",
        "b/1.mp4",
        "a b.mp4",
        "ü.MOV",
        "notes.txt",
        ".hidden.mp4",
        ".cache/x.mp4",
        "z/y/x.avi",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = list(find_videos(tmp_path, Speakers()))
    assert [source.relative for source in found] == [
        "a b.mp4", "b/1.mkv", "b/1.mp4", "b/2.mp4", "z/y/x.avi", "ü.MOV"
    ]  # fmt: skip
    assert [source.id for source in found] == ["a b", "b/1.mkv", "b/1.mp4", "b/2", "z/y/x", "ü"]


def test_shards_are_cut_by_order_within_a_split(tmp_path):
    for i in range(7):
        (tmp_path / f"{i}.mp4").touch()
    speakers = Speakers(pattern=r"(?P<speaker>\d)", val=0.4, test=0)
    splits = [speakers.attribute(f"{i}.mp4").split for i in range(7)]
    assert set(splits) == {"train", "val"}
    shards = list(plan_shards(tmp_path, speakers, clips_per_shard=2))
    for split in ("train", "val"):
        in_order = [source.relative for shard in shards if shard.split == split for source in shard.videos]
        assert in_order == [f"{i}.mp4" for i in range(7) if splits[i] == split]
        assert [shard.index for shard in shards if shard.split == split] == list(range((len(in_order) + 1) // 2))
    assert all(len(shard.videos) <= 2 for shard in shards)
    before = [shard.digest for shard in shards]
    (tmp_path / "0.mp4").write_bytes(b"changed")
    after = [shard.digest for shard in plan_shards(tmp_path, speakers, clips_per_shard=2)]
    assert sum(a != b for a, b in zip(after, before, strict=True)) == 1


def test_no_folder_and_no_video(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        list(plan_shards(tmp_path / "none", Speakers(), clips_per_shard=2))
    with pytest.raises(ValueError, match="found none"):
        list(plan_shards(tmp_path, Speakers(), clips_per_shard=2))


def test_names_of_a_manifest_match_in_any_unicode_form(tmp_path):
    composed, split = (unicodedata.normalize(form, "Jürgen/Ünal.mp4") for form in ("NFC", "NFD"))
    assert composed != split
    for in_table, on_disk in ((composed, split), (split, composed)):
        (tmp_path / "a.csv").write_text(f"\ufefffile, speaker, split\n{in_table},Jürgen,val\n", encoding="utf-8")
        speakers = Speakers(manifest=read_manifest(tmp_path / "a.csv"))
        assert speakers.attribute(on_disk)[:2] == ("Jürgen", "val")
    (tmp_path / "b.csv").write_text(f"speaker,split\n{composed.split('/')[0]},hard\n", encoding="utf-8")
    assert Speakers(manifest=read_manifest(tmp_path / "b.csv")).attribute(split).split == "hard"


def test_files_of_a_manifest_are_looked_for_beside_it_too(tmp_path):
    videos = tmp_path / "corpus" / "clips"
    (videos / "anna").mkdir(parents=True)
    for name in ("anna/1.mp4", "anna/2.mp4", "bert.mp4"):
        (videos / name).write_bytes(b"video")
    lines = ["clips/anna/1.mp4,a,train", f"{videos.resolve()}/anna/2.mp4,b,val", "./bert.mp4,c,test"]
    table = tmp_path / "corpus" / "manifest.csv"
    table.write_text("file,speaker,split\n" + "\n".join(lines) + "\n")
    found = find_videos(videos, Speakers(manifest=read_manifest(table)))
    assert {video.relative: video.speaker for video in found} == {"anna/1.mp4": "a", "anna/2.mp4": "b", "bert.mp4": "c"}
    table.write_text("file,speaker\nother/1.mp4,a\n")
    with pytest.raises(
        ValueError, match=r"anna/1\.mp4; its paths are below the videos' folder, or below the manifest's"
    ):
        list(find_videos(videos, Speakers(manifest=read_manifest(table))))
