"""enroll, search and evaluate_gallery as a newcomer runs them, on a made-up export."""

import contextlib
import json
import os
import shutil

import pytest

from data_builders import dummy_images
from dimn_tf import errors
from dimn_tf.gallery import Entry, Gallery, gaps, places, sqlite_files
from dimn_tf.service import claims, state
from tests.experiments.launcher import launch


@pytest.fixture
def place(small_export, tmp_path):
    """A folder with crops of two people, and the arguments of all three commands."""
    names = [
        f"crops/{p}/{c}_{k}.png" for p in ("anna", "bo") for c in "12" for k in "ab"
    ]
    dummy_images.write(tmp_path, names, height=40, width=20)
    folder = small_export.folder.parent
    return tmp_path, (f"--model={folder}", f"--gallery={tmp_path / 'people'}")


PERSONS = "--person_folders", r"--camera_pattern=^(\d)_"


def _json(*arguments):
    return json.loads(launch(*arguments, "--json"))


def test_enrolled_again_it_tells_what_changed_and_replaces_it(place):
    root, arguments = place
    crops = str(root / "crops")
    told = _json("enroll", *arguments, *PERSONS, crops)
    assert told == {
        "enrolled": 8, "replaced": 0, "there": 0, "changed": [], "gallery": 8,
        "runtime": "saved_model", "skipped": [], "gone": 0,
    }  # fmt: skip
    dummy_images.write(root, ["other.png"], height=40, width=20)
    os.replace(root / "other.png", root / "crops/anna/1_a.png")
    (root / "list.csv").write_text("path,person_id\ncrops/anna/1_b.png,cy\n")
    told = launch("enroll", *arguments, crops, str(root / "list.csv"))
    assert f"changed {crops}/anna/1_a.png: another picture" in told
    assert f"skipped {crops}/anna/1_b.png: it is given more than once" in told
    told = launch("enroll", *arguments, str(root / "list.csv"))
    assert f"changed {crops}/anna/1_b.png: person anna, now cy" in told
    assert (
        "0 enrolled, 0 there already, 1 changed and left as they were (--replace)"
        in told
    )
    told = launch(
        "enroll", *arguments, str(root / "list.csv"), crops + "/bo", "--replace"
    )
    assert (
        "0 enrolled, 4 there already, 1 replaced, 0 skipped; the gallery holds 8"
        in told
    )
    with Gallery(root / "people") as gallery:
        assert gallery.persons()[f"{crops}/anna/1_b.png"] == "cy"
    error = launch("enroll", *arguments, "--replace", "--remove", crops, code=1)
    assert "--replace and --remove: give one of them" in error


def test_a_search_on_a_gallery_that_cannot_be_written_to(place, small_export):
    root, arguments = place
    launch("enroll", *arguments, *PERSONS, str(root / "crops"))
    folder = root / "people"
    (folder / "gallery.sqlite").chmod(0o444)
    folder.chmod(0o555)
    shut = {root, *root.parents, small_export.folder, *small_export.folder.parents}
    modes = {p: p.stat().st_mode for p in shut if not p.stat().st_mode & 0o005}
    for p in modes:  # Which pytest makes for its user alone.
        p.chmod(modes[p] | 0o055)
    privileged = os.geteuid() == 0
    if privileged:
        os.seteuid(65534)
    try:
        probe = f"--probe={root / 'crops/bo/2_a.png'}"
        hits = _json("search", *arguments, probe, "--topk=1")["hits"]
    finally:
        if privileged:
            os.seteuid(0)
        for p, mode in modes.items():
            p.chmod(mode)
        folder.chmod(0o755)
    assert [(h["entry_id"], h["person_id"]) for h in hits] == [
        (str(root / "crops/bo/2_a.png"), "bo")
    ]


def test_crops_that_are_gone_are_said_in_the_picture_and_found_all_the_same(place):
    root, arguments = place
    launch("enroll", *arguments, str(root / "crops"))
    dummy_images.write(root, ["probe.png"], height=40, width=20)
    for path in (root / "crops" / "bo").iterdir():
        path.unlink()
    picture = root / "pictures" / "found.png"
    found = _json(
        "search", *arguments, f"--probe={root / 'probe.png'}", "--topk=8", "--explain",
        f"--picture={picture}",
    )  # fmt: skip
    assert len(found["hits"]) == 8 and picture.stat().st_size > 1000
    missing = [h for h in found["hits"] if "missing" in h["explanation"]]
    assert len(missing) == 4
    assert all("/bo/" in h["entry_id"] for h in missing)
    assert {h["explanation"]["missing"] for h in missing} == {
        "No such file or directory"
    }


def _total(shares):
    return sum(map(sum, shares))


@pytest.mark.parametrize(
    ("how", "flags", "against"),
    [
        ([], [], 8),
        ([], ["--explain_against=5"], 5),
        # Once 3: what a match is told from went by --topk, and the service told other
        # maps of it. Now the third is told from the two best and itself.
        ([], ["--explain_against=2"], 2),
        (["--one_per_person"], [], 2),
    ],
)
def test_margins_and_their_maps_are_in_the_json(place, how, flags, against):
    root, arguments = place
    launch("enroll", *arguments, *PERSONS, str(root / "crops"))
    dummy_images.write(root, ["probe.png"], height=40, width=20)
    asked = (*arguments, f"--probe={root / 'probe.png'}", *how)
    every = _json("search", *asked, "--topk=8")["hits"]
    assert len(every) == (2 if how else 8)
    picture = root / "margins.png"
    told = _json(
        "search", *asked, "--topk=3", "--explain", *flags, f"--picture={picture}"
    )
    hits = told["hits"]
    assert picture.stat().st_size > 1000
    assert len(hits) == min(3, len(every))
    for place, (hit, plain) in enumerate(zip(hits, every, strict=False)):
        of = every[:against] + ([plain] if place >= against else [])
        mean = sum(row["score"] for row in of) / len(of)
        told = hit.pop("explanation")
        assert hit == plain
        assert set(told) == {"margin", "against", "probe_map", "gallery_map"}
        limit = 1e-5 * abs(mean)
        assert told["against"] == len(of)
        assert told["margin"] == pytest.approx(hit["score"] - mean, abs=limit)
        for name in ("probe_map", "gallery_map"):
            assert _total(told[name]) == pytest.approx(told["margin"], abs=2 * limit)


def test_without_others_the_json_has_the_maps_of_scores(place):
    root, arguments = place
    launch("enroll", *arguments, str(root / "crops"))
    probe = f"--probe={root / 'crops/bo/2_a.png'}"
    against = "--explain_against=0"
    for hit in _json("search", *arguments, probe, "--explain", against)["hits"]:
        assert set(hit["explanation"]) == {"probe_map", "gallery_map"}
        for shares in hit["explanation"].values():
            assert _total(shares) == pytest.approx(hit["score"], rel=1e-4)
    error = launch("search", *arguments, probe, against, "--json", code=1)
    assert "--explain_against=0: it needs --explain" in error


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.png", b"", "an empty file"),
        ("text.jpg", b"no image at all", "no kind of image"),
        ("gone.png", None, "No such file"),
        ("caf\udce9.png", b"x", "no kind of image"),
    ],
)
def test_a_probe_that_is_none_is_named(place, name, content, said):
    root, arguments = place
    launch("enroll", *arguments, str(root / "crops" / "bo"))
    if content is not None:
        with open(os.fsencode(root / name), "wb") as file:
            file.write(content)
    error = launch("search", *arguments, f"--probe={root / name}", code=1)
    assert error.startswith("error: --probe=") and said in error
    assert error.count("\n") == 1


def test_another_models_gallery_and_model_folders_that_are_none(place):
    root, (model, gallery) = place
    with Gallery.create(root / "people", "cd" * 32, 6):
        pass
    for command, more in (
        ("enroll", [str(root / "crops")]),
        ("search", [f"--probe={root / 'crops/bo/2_a.png'}"]),
    ):
        error = launch(command, model, gallery, *more, code=1)
        assert "cdcdcdcdcdcd" in error and error.count("\n") == 1
        error = launch(command, f"--model={root / 'crops'}", gallery, *more, code=1)
        assert "there is no export" in error and error.count("\n") == 1


def test_the_judged_probes_are_of_one_person_each(place):
    root, arguments = place
    launch("enroll", *arguments, *PERSONS, "--only_camera=2", str(root / "crops"))
    (root / "list.csv").write_text("path,person_id\ncrops/anna/1_a.png,cy\n")
    told = _json(
        "evaluate_gallery", *arguments, *PERSONS, str(root / "crops"),
        str(root / "list.csv"),
    )  # fmt: skip
    assert (told["probes"], told["gallery"], told["skipped"]) == (7, 4, 1)


def test_probes_that_are_enrolled_do_not_find_themselves(place):
    root, arguments = place
    crops, one = root / "crops", (*PERSONS, "--only_camera=1")
    launch("enroll", *arguments, *one, str(crops))
    told = _json("evaluate_gallery", *arguments, *one, str(crops))
    # Four entries, two a person; a probe's own is passed over. Its one true match is of
    # rank r among the three that are left: AP 1 / r.
    ranks = []
    for probe in sorted(crops.glob("*/1_*")):
        found = _json("search", *arguments, f"--probe={probe}", "--topk=4")["hits"]
        others = [hit for hit in found if hit["entry_id"] != str(probe)]
        people = [hit["person_id"] for hit in others]
        assert people.count(probe.parent.name) == 1 and len(people) == 3
        ranks.append(1 + people.index(probe.parent.name))
    assert (told["probes"], told["gallery"], told["own_entries"]) == (4, 4, 4)
    assert told["rank1"] == pytest.approx(100 * ranks.count(1) / 4)
    assert told["mAP"] == pytest.approx(100 * sum(1 / rank for rank in ranks) / 4)
    launch("enroll", arguments[1], "--remove", f"{crops}/anna/1_b.png")
    error = launch("evaluate_gallery", *arguments, *one, str(crops), code=1)
    assert error.startswith("error: 1 probes are themselves the only entry of their")
    assert f"{crops}/anna/1_a.png" in error


def test_matches_from_a_probes_own_camera_are_told_of(place):
    root, arguments = place
    crops = str(root / "crops")
    launch("enroll", *arguments, *PERSONS, crops)
    given = ("evaluate_gallery", *arguments, *PERSONS, crops)
    plain = _json(*given)
    assert (plain["camera_rule"], plain["same_camera"]) == ("none", 8)
    told = launch(*given)
    assert "8 of the probes have a match from their own camera, which bench" in told
    across = _json(*given, "--camera_rule=cross_camera")
    assert (across["camera_rule"], across["same_camera"]) == ("cross_camera", 8)
    told = launch(*given, "--camera_rule=cross_camera")
    assert "matches from their own camera, which were passed over" in told
    error = launch(
        "evaluate_gallery", *arguments, "--person_folders", crops,
        "--camera_rule=cross_camera", code=1,
    )  # fmt: skip
    assert "of 8 of 8 probes no camera is known" in error and error.count("\n") == 1


def test_onnx_runtime_finds_what_tensorflow_finds(dimn_export, place):
    root, (_, gallery) = place
    crops, probe = str(root / "crops"), f"--probe={root / 'crops/bo/2_a.png'}"
    model = f"--model={dimn_export.folder}"
    told = launch("enroll", model, gallery, *PERSONS, crops)
    assert "the gallery holds 8 (vectors by ONNX Runtime)." in told
    assert _json("enroll", model, gallery, "--runtime=saved_model", crops)["there"] == 8
    found = {
        runtime: _json("search", model, gallery, probe, f"--runtime={runtime}")
        for runtime in ("onnx", "saved_model")
    }
    for runtime, told in found.items():
        assert told["runtime"] == runtime
    hits, wanted = (told["hits"] for told in found.values())
    assert [h["entry_id"] for h in hits] == [h["entry_id"] for h in wanted]
    assert [h["score"] for h in hits] == pytest.approx([h["score"] for h in wanted])
    assert "(vectors by TensorFlow)" in launch(
        "search", model, gallery, probe, "--runtime=saved_model"
    )
    told = launch("evaluate_gallery", model, gallery, *PERSONS, crops)
    assert "8 probes against 8 entries (vectors by ONNX Runtime):" in told
    assert "8 of the probes are enrolled themselves: their own entries were" in told
    missing = launch("search", *place[1], probe, "--runtime=onnx", code=1)
    assert "holds no model.onnx" in missing


def test_a_pipeline_writes_shards_which_a_gallery_imports(place):
    root, arguments = place
    crops, shards = str(root / "crops"), str(root / "shards")
    pipeline = "--runner=DirectRunner", f"--output={shards}"
    told = launch("enroll", arguments[0], *pipeline, *PERSONS, crops)
    assert (
        f"8 enrolled, 0 there already, 0 skipped; the shards are in {shards} " in told
    )
    imported = _json("enroll", arguments[1], f"--import_shards={shards}")
    assert imported["enrolled"] == imported["gallery"] == 8
    assert _json("enroll", *arguments, *PERSONS, crops)["there"] == 8
    error = launch("enroll", arguments[0], *pipeline, crops, code=1)
    assert f"--output={shards}: there is something already" in error


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--gallery=g"], "--model: name the export"),
        (["--model=e"], "--gallery: name one: a folder, or milvus:"),
        (["--model=e", "--runner=DirectRunner"], "--runner and --output: a pipeline"),
        (["--model=e", "--gallery=g", "--output=o"], "--runner and --output"),
        (["--model=e", "--gallery=g", "--beam_options=a"], "--beam_options: they are"),
        (
            ["--model=e", "--runner=DirectRunner", "--output=o", "--replace"],
            "--replace: shards are compared with no gallery. Give it with --import_",
        ),
        (
            ["--model=e", "--runner=DirectRunner", "--output=o", "--index=hnsw"],
            "--index: shards have none, their gallery has. Give it with --import_",
        ),
        (
            ["--model=e", "--gallery=g", "--runner=DirectRunner", "--output=o"],
            "--gallery=g: a folder or a file has one writer. Leave the flag out",
        ),
        (
            ["--gallery=g", "--import_shards=s", "--remove"],
            "--remove and --import_shards: give one of them",
        ),
        (["--gallery=g", "--import_shards=s"], "--import_shards takes no images: lea"),
        (["--gallery=g", "--clear_gaps"], "--clear_gaps takes no images: leave x.png"),
        (
            ["--gallery=g", "--remove", "--state=s"],
            "--state: only --clear_gaps looks there; leave it out",
        ),
        (
            ["--gallery=g", "--remove", "--model=e"],
            "--model: --remove does not use it; leave it out",
        ),
        (
            ["--gallery=g", "--remove_person=a", "--index=hnsw"],
            "--index: --remove does not use it",
        ),
        (
            ["--gallery=g", "--remove", "--person_folders", "--only_camera=2"],
            "--person_folders: --remove does not use it",
        ),
    ],
)
def test_flags_of_enrolment_that_do_not_fit(given, message):
    assert message in launch("enroll", *given, "x.png", code=1)


@pytest.mark.parametrize(
    "mode", ["--remove", "--remove_person=a", "--clear_gaps", "--import_shards=s"]
)
@pytest.mark.parametrize(
    "flag", ["only_camera=2", "camera_pattern=a(.)", "person_folders", "runtime=onnx"]
)
def test_what_chooses_images_to_enrol_chooses_nothing_else(mode, flag):
    """An erasure of one camera's entries would be one of all."""
    images = ["x.png"] if mode == "--remove" else []
    told = launch("enroll", "--gallery=g", mode, f"--{flag}", *images, code=1)
    assert (
        f"--{flag.split('=')[0]}: {mode.split('=')[0]} does not use it"
        in told.replace("--remove does", f"{mode.split('=')[0]} does")
    )


@pytest.mark.parametrize("removed", ["--remove_person=anna", "--remove"])
def test_what_a_service_keeps_in_the_gallerys_folder_goes_too(place, removed):
    root, arguments = place
    launch("enroll", *arguments, *PERSONS, str(root / "crops"))
    names = [str(root / f"crops/{person}/1_a.png") for person in ("anna", "bo")]
    pictures = [b"anna's picture" * 900, b"bo's picture" * 900]
    with contextlib.closing(state.State(state.own_folder(root / "people"))) as kept:
        kept.public_ids(names, lambda there: there)
        for name, picture in zip(names, pictures, strict=True):
            kept.put_picture(name, picture)
    given = [str(root / "crops/anna")] if removed == "--remove" else []
    told = launch("enroll", arguments[1], removed, *given)
    assert "4 removed; the gallery holds 4" in told
    files = [p.read_bytes() for p in (root / "people").rglob("*") if p.is_file()]
    for name, picture, there in zip(names, pictures, (False, True), strict=True):
        assert any(picture[:64] in content for content in files) == there
        assert any(name.encode() in content for content in files) == there


@pytest.mark.parametrize("how", ["images", "shards"])
def test_no_gallery_is_made_where_one_is_missing_and_pictures_are_kept(place, how):
    """The next start of the service would sweep them as of entries that are gone."""
    root, arguments = place
    command = *arguments, *PERSONS, str(root / "crops")
    launch("enroll", *command)
    if how == "shards":
        shards = str(root / "shards")
        pipeline = "--runner=DirectRunner", f"--output={shards}"
        launch("enroll", arguments[0], *pipeline, str(root / "crops"))
        command = arguments[1], f"--import_shards={shards}"
    name = str(root / "crops/anna/1_a.png")
    folder = state.own_folder(root / "people")
    with contextlib.closing(state.State(folder)) as kept:
        kept.put_picture(name, b"a picture")
    (root / "people/gallery.sqlite").rename(root / "aside")
    for _ in range(2):
        told = launch("enroll", *command, code=1)
        assert f"--gallery={root}/people: there is no gallery, but {folder}" in told
        assert not (root / "people/gallery.sqlite").exists()
    (root / "aside").rename(root / "people/gallery.sqlite")
    assert "8 there already" in launch("enroll", *command)
    with contextlib.closing(state.State(folder)) as kept:
        assert kept.picture(name) == b"a picture"
        kept.forget([name])
    (root / "people/gallery.sqlite").unlink()
    assert "8 enrolled" in launch("enroll", *command)  # Nothing is lost by it.


@pytest.mark.parametrize("how", ["there", "gone", "link"])
def test_what_was_enrolled_through_links_is_removed_through_them(place, how):
    root, arguments = place
    (root / "other").mkdir()
    (root / "crops/bo").rename(root / "other/bo")
    (root / "crops/bo").symlink_to("../other/bo")
    launch("enroll", *arguments, *PERSONS, str(root / "crops"))
    if how == "gone":
        shutil.rmtree(root / "crops")
    (root / "link").symlink_to("crops")
    given = str(root / ("link" if how == "link" else "crops"))
    told = _json("enroll", arguments[1], "--remove", given)
    assert told["gallery"] == 0
    assert f"{root}/other/bo/1_a.png" in told["removed"]


def test_a_person_in_two_spellings_is_removed_whole(place):
    root, arguments = place
    first, second = "Jos\u00e9", "Jose\u0301"
    (root / "crops/anna").rename(root / "crops" / second)
    launch("enroll", *arguments, *PERSONS, str(root / "crops"))
    with Gallery(root / "people") as gallery:
        assert set(gallery.persons().values()) == {first, "bo"}
        (name,) = gallery.entries_of(first)[:1]
        (vector,) = gallery.vectors([name])
        gallery.add([Entry(name, vector, second)], replace=True)
    told = launch("enroll", arguments[1], f"--remove_person={first}")
    assert "4 removed; the gallery holds 4" in told


@pytest.fixture
def large(monkeypatch):
    """Files count as large, of which removals alone write none anew."""
    monkeypatch.setattr(gaps, "AT_ONCE", 0)


def _with_gaps(root):
    """The files in which removals may have left something."""
    people = root / "people"
    with Gallery(people) as gallery:
        found = [gallery._store._file.erasures()]
    with contextlib.closing(state.State(state.own_folder(people))) as kept:
        return [*found, kept._file.erasures()]


def _made_and_removed(place, person):
    root, arguments = place
    launch("enroll", *arguments, *PERSONS, str(root / "crops"))
    names = [str(root / f"crops/{person}/1_a.png") for person in ("anna", "bo")]
    with contextlib.closing(state.State(state.own_folder(root / "people"))) as kept:
        for name in names:
            kept.put_picture(name, name.encode() * 9)
        kept.forget(names[:1])
    with Gallery(root / "people") as gallery:
        gallery.remove(names[:1])
    assert all(_with_gaps(root))
    return root, arguments, names


def test_large_files_are_written_anew_by_commands(place, large):
    root, arguments, names = _made_and_removed(place, "anna")
    assert "3 removed" in launch("enroll", arguments[1], "--remove_person=anna")
    assert not any(_with_gaps(root))
    with Gallery(root / "people") as gallery:
        gallery.remove(names[1:])
    assert any(_with_gaps(root))
    files = [f"{root}/people/{name}" for name in ("gallery", "service/service")]
    files = [f"{name}.sqlite" for name in files]
    told = launch("enroll", arguments[1], "--clear_gaps")
    assert f"No copies of what was removed are in {' and '.join(files)}.\n" in told
    assert "Nothing else was looked at: where a service has a --state of its" in told
    told = _json("enroll", arguments[1], "--clear_gaps")
    assert told == {"cleared": True, "files": files}
    assert not any(_with_gaps(root))


def _due_elsewhere(folder, gallery):
    """A state of a folder's own, from which a picture was removed."""
    claims.claim(folder, gallery)
    with contextlib.closing(state.State(folder)) as kept:
        kept.put_picture("a", b"a picture" * 99)
        kept.remove_picture("a")
        assert kept._file.erasures()
    return folder / state.FILE


def _is_due(path):
    with contextlib.closing(sqlite_files.SqliteFile(path)) as file:
        return bool(file.erasures())


def test_what_a_service_keeps_elsewhere_is_written_anew_where_it_is_named(place, large):
    root, arguments, _ = _made_and_removed(place, "anna")
    path = _due_elsewhere(root / "kept", str(root / "people"))
    clear = "enroll", arguments[1], "--clear_gaps"
    assert str(path) not in launch(*clear) and _is_due(path)
    error = launch(*clear, f"--state={root / 'crops'}", code=1)
    assert f"--state={root}/crops: there is no service.sqlite" in error
    other = _due_elsewhere(root / "others", str(root / "other"))
    error = launch(*clear, f"--state={other.parent}", code=1)
    assert "it keeps the pictures of --gallery=" in error and _is_due(other)
    told = launch(*clear, f"--state={path.parent}")
    assert (
        f"service/service.sqlite and {path}.\n" in told and "Nothing else" not in told
    )
    assert not _is_due(path) and not any(_with_gaps(root))
    own = state.own_folder(root / "people")  # As the service's log names it.
    assert len(_json(*clear, f"--state={own}")["files"]) == 2


def test_of_a_gallery_on_milvus_the_services_folder_is_named(tmp_path, large):
    pytest.importorskip("pymilvus", reason="the extra `milvus` is not installed")
    gallery = f"milvus:{tmp_path / 'm.db'}#people"
    places.create(gallery, "ab" * 32, 4).close()
    path = _due_elsewhere(tmp_path / "kept", gallery)
    clear = "enroll", f"--gallery={gallery}", "--clear_gaps"
    error = launch(*clear, code=1)
    assert "Name the folder of the service's pictures: --state=FOLDER" in error
    assert _json(*clear, f"--state={path.parent}")["files"] == [str(path)]
    assert not _is_due(path)


def test_what_cannot_be_tidied_fails_no_removal(place, large, monkeypatch):
    root, arguments, names = _made_and_removed(place, "anna")

    def full(self, in_memory):
        raise errors.UserError("the disk is full")

    monkeypatch.setattr(sqlite_files.SqliteFile, "rewrite", full)
    assert "4 removed" in launch("enroll", arguments[1], "--remove_person=bo")
    with contextlib.closing(state.State(state.own_folder(root / "people"))) as kept:
        assert kept.picture(names[1]) is None
    assert "the disk is full" in launch("enroll", arguments[1], "--clear_gaps", code=1)
    (root / "crops/anna/1_b.png").write_bytes((root / "crops/bo/1_a.png").read_bytes())
    told = launch("enroll", *arguments, *PERSONS, "--replace", str(root / "crops"))
    assert "1 replaced" in told
