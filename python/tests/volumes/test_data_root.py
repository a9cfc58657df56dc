"""What is listed under a data root, and what never is."""

import errno
import os
import time

import pytest

from cristae.errors import InvalidInput, LimitExceeded, NotFound
from cristae.volumes import states
from cristae.volumes.data_root import Bounds, Candidate, DataRoot
from cristae.volumes.found import id_of
from cristae.volumes.states import state_of


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return DataRoot(tmp_path / "root")


def put(root, name, content=b"x"):
    place = root.folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return place


def names(root, **bounds):
    return [(found.name, found.kind) for found in root.candidates(Bounds(**bounds)).found]


def test_files_stores_and_folders_of_slices_are_listed_in_natural_order(root):
    for name in ("s10.tif", "s9.tif", "b/cells.h5", "b/notes.txt", ".hidden.tif", "b/.cache/a.tif"):
        put(root, name)
    for name in ("a.zarr/zarr.json", "a.zarr/c/0/1.tif", "n5/attributes.json", "n5/s0/0/0"):
        put(root, name)
    for number in range(12):
        put(root, f"planes/p{number}.png")
    put(root, "planes/more/c.MRC")
    put(root, "two/raw.tif")
    put(root, "two/labels.tif")
    assert names(root) == [
        ("a.zarr", "store"),
        ("b/cells.h5", "file"),
        ("n5", "store"),
        ("planes", "slices"),
        ("planes/more/c.MRC", "file"),
        ("s9.tif", "file"),
        ("s10.tif", "file"),
        ("two/labels.tif", "file"),
        ("two/raw.tif", "file"),
    ]


def test_links_are_never_followed_neither_out_nor_round_and_round(root, tmp_path):
    put(root, "inside/a.tif")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "b.tif").write_bytes(b"x")
    (root.folder / "out").symlink_to(tmp_path / "secret")
    (root.folder / "b.tif").symlink_to(tmp_path / "secret" / "b.tif")
    (root.folder / "inside" / "loop").symlink_to(root.folder)
    (root.folder / "self.tif").symlink_to(root.folder / "self.tif")
    listing = root.candidates()
    assert [found.name for found in listing.found] == ["inside/a.tif"]
    assert listing.notes == ("4 links under the data root were left out: links are not followed.",)
    for name in ("out/b.tif", "b.tif", "inside/loop/inside/a.tif", "self.tif"):
        with pytest.raises(NotFound, match="under the server's data root"):
            root.place(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../a.tif", "b/../../a.tif", "/etc/passwd", "b//a.tif", "b/./a.tif", "b\\a.tif", "a\0"],
)
def test_no_name_leads_out_of_the_root(root, tmp_path, name):
    (tmp_path / "a.tif").write_bytes(b"x")
    put(root, "b/a.tif")
    with pytest.raises(NotFound):
        root.place(name)


def test_a_root_that_is_a_link_is_resolved_once(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.tif").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert names(DataRoot(tmp_path / "link")) == [("a.tif", "file")]


def test_a_root_must_be_a_folder_and_not_the_whole_disk(tmp_path):
    with pytest.raises(InvalidInput, match="is not a folder"):
        DataRoot(tmp_path / "none")
    with pytest.raises(InvalidInput, match="root of the disk"):
        DataRoot(tmp_path.joinpath(tmp_path.anchor))


def test_thousands_of_entries_and_deep_folders_are_cut_with_a_sentence(root):
    for number in range(3000):
        (root.folder / f"{number}.tif").touch()
    listing = root.candidates(Bounds(images=1000))
    assert [found.name for found in listing.found] == [f"{number}.tif" for number in range(1000)]
    assert listing.notes[0].startswith("Not everything is listed")
    assert root.candidates(Bounds(entries=500)).notes[0].startswith("Not everything is listed")
    assert root.candidates(Bounds(seconds=-1.0)).found == ()
    assert root.candidates().notes == ()
    put(root, "1/2/3/deep.tif")
    assert len(root.candidates(Bounds(levels=4)).found) == 3001
    shallow = root.candidates(Bounds(levels=3))
    assert len(shallow.found) == 3000
    assert shallow.notes[0].startswith("Not everything is listed")


def test_the_list_of_ten_thousand_files_comes_within_seconds(root):
    for folder in range(10):
        (root.folder / str(folder)).mkdir()
        for number in range(1000):
            (root.folder / str(folder) / f"{number}-of-{folder}.h5").touch()
    before = time.process_time()
    assert len(root.candidates().found) == 10_000
    assert time.process_time() - before < 10.0


def test_what_may_not_be_read_or_said_is_counted(root, monkeypatch):
    put(root, "a.tif")
    put(root, "b\nc.tif")
    put(root, "x" * 200 + "/" + "y" * 200 + "/" + "z" * 200 + ".tif")
    put(root, "closed/d.tif")
    scan = os.scandir

    def refusing(place):
        if str(place).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scan(place)

    monkeypatch.setattr(os, "scandir", refusing)
    listing = root.candidates()
    assert [found.name for found in listing.found] == ["a.tif"]
    assert listing.notes == (
        "1 folders or files under the data root may not be read by the server.",
        "2 names under the data root were left out: too long, or no plain text.",
    )


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_folder_that_may_not_be_entered_is_counted_once_and_the_rest_is_listed(root, monkeypatch, number):
    put(root, "a.tif")
    put(root, "lost+found/b.tif")
    put(root, "z/c.tif")
    stat = os.stat

    def refusing(place, *more, **named):
        if "lost+found/" in str(place).replace(os.sep, "/"):
            raise OSError(number, os.strerror(number))
        return stat(place, *more, **named)

    monkeypatch.setattr(os, "stat", refusing)
    listing = root.candidates()
    assert [found.name for found in listing.found] == ["a.tif", "z/c.tif"]
    assert listing.notes == ("1 folders or files under the data root may not be read by the server.",)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_no_file(root):
    os.mkfifo(root.folder / "a.tif")
    put(root, "b.zarr/.zarray")
    os.mkfifo(root.folder / "b.zarr" / "0")
    assert names(root) == [("b.zarr", "store")]
    with pytest.raises(InvalidInput, match="holds 0, which is a link or no plain file"):
        state_of(root.place("b.zarr"))


def test_the_state_tells_a_chunk_that_was_changed_and_one_that_came(root):
    put(root, "a.zarr/.zarray")
    for number in range(3):
        put(root, f"a.zarr/0/{number}")
    before = state_of(root.folder / "a.zarr")
    assert state_of(root.folder / "a.zarr") == before
    os.utime(root.folder / "a.zarr" / "0" / "1", ns=(1, 1))
    changed = state_of(root.folder / "a.zarr")
    assert changed != before
    put(root, "a.zarr/0/3")
    assert state_of(root.folder / "a.zarr") not in (before, changed)


def test_the_state_of_slices_is_made_of_what_is_read_and_no_more(root):
    for number in range(3):
        put(root, f"planes/p{number}.tif")
    before = state_of(root.folder / "planes")
    for name in (".DS_Store", "Thumbs.db", "notes.txt", ".p4.tif", "more/p5.tif"):
        put(root, f"planes/{name}")
    assert state_of(root.folder / "planes") == before
    put(root, "planes/p3.TIF")
    assert state_of(root.folder / "planes") != before


def test_the_state_of_a_store_leaves_out_what_file_browsers_write_but_not_its_hidden_metadata(root):
    put(root, "a.zarr/.zarray")
    put(root, "a.zarr/0/0")
    states_seen = [state_of(root.folder / "a.zarr")]
    for name in (".DS_Store", "0/._0", "0/.nfs0001", "Thumbs.db"):
        put(root, f"a.zarr/{name}")
    assert state_of(root.folder / "a.zarr") == states_seen[0]
    for name in (".zattrs", ".zgroup", ".zmetadata", "0/1"):
        put(root, f"a.zarr/{name}")
        states_seen.append(state_of(root.folder / "a.zarr"))
    assert len(set(states_seen)) == 5


def test_time_holds_for_the_files_of_a_store_too(root):
    put(root, "a.zarr/.zarray")
    for number in range(100):
        put(root, f"a.zarr/{number}")
    asked = []
    with pytest.raises(LimitExceeded, match="in time"):
        state_of(root.folder / "a.zarr", 10, lambda: asked.append(1) or len(asked) > 50)
    assert len(asked) == 51


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_or_a_link_in_the_place_of_a_file_has_no_state(root):
    os.mkfifo(root.folder / "a.tif")
    (root.folder / "b.tif").symlink_to("a.tif")
    for name in ("a.tif", "b.tif"):
        with pytest.raises(InvalidInput, match="is a link or no plain file"):
            state_of(root.folder / name)


def test_an_image_in_too_many_files_is_refused_when_all_of_them_count(root, monkeypatch):
    put(root, "a.zarr/.zarray")
    for number in range(4):
        put(root, f"a.zarr/{number}")
    assert len(state_of(root.folder / "a.zarr", 3)) == 64
    monkeypatch.setattr(states, "MOST_STATED_FILES", 4)
    with pytest.raises(LimitExceeded, match="in larger chunks, or in shards"):
        state_of(root.folder / "a.zarr", 4)


def test_ids_differ_by_name_array_and_state():
    some = [
        id_of(Candidate(name, "file", state), key)
        for name in ("a.h5", "b.h5")
        for state in ("0" * 64, "1" * 64)
        for key in ("", "raw")
    ]
    assert len(set(some)) == 8


def test_a_folder_of_numbered_stacks_gives_its_files(root):
    for number in (2, 10):
        put(root, f"stacks/s{number}.tif")
    put(root, "stacks/raw.h5")
    slices = root.candidates().found[0]
    assert (slices.name, slices.kind) == ("stacks", "slices")
    assert [one.name for one in root.files_of(slices)] == ["stacks/s2.tif", "stacks/s10.tif"]


def test_a_file_of_stacks_that_cannot_be_looked_at_takes_no_other_one_with_it(root, monkeypatch):
    for name in ("stacks/s1.tif", "stacks/s2.tif", "stacks/s3.tif"):
        put(root, name)
    (slices,) = root.candidates().found

    def state_or_not(place):
        if place.name == "s2.tif":
            raise PermissionError(errno.EACCES, "no")
        return state_of(place)

    monkeypatch.setattr("cristae.volumes.data_root.state_of", state_or_not)
    assert [one.name for one in root.files_of(slices)] == ["stacks/s1.tif", "stacks/s3.tif"]
