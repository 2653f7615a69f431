"""The choice of a run's bundle, by name or by what it was trained on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ktrdr.errors import ModelNotFound, OutputNotWritable
from ktrdr.neural.bundle import BundleDraft
from ktrdr.neural.storage import ModelStorage
from ktrdr.time import Timeframe
from support.inputs.nets import draft_of


def store(root: Path, symbol: str = "EURUSD", synthetic: bool | None = True, name: str = "tiny") -> str:
    draft = draft_of()
    metadata = replace(draft.metadata, symbols=(symbol,), synthetic=synthetic, strategy_name=name)
    path = ModelStorage(root).save(replace(draft, metadata=metadata))
    return f"{path.parent.name}/{path.name}"


def test_the_newest_one_trained_on_the_symbol_is_taken(tmp_path: Path) -> None:
    for symbol, synthetic in (("EURUSD", True), ("EURUSD", True), ("GBPUSD", True), ("EURUSD", False)):
        store(tmp_path, symbol, synthetic)
    storage = ModelStorage(tmp_path)
    assert storage.newest("tiny", Timeframe.H1, "EURUSD", synthetic=True).id == "tiny/1h_v2"
    assert storage.newest("tiny", Timeframe.H1, "GBPUSD", synthetic=True).id == "tiny/1h_v3"
    assert storage.newest("tiny", Timeframe.H1, "EURUSD", synthetic=False).id == "tiny/1h_v4"


def test_nets_of_folds_are_never_the_newest(tmp_path: Path) -> None:
    store(tmp_path)
    draft = draft_of()
    known = replace(draft.metadata, symbols=("EURUSD",), synthetic=True, of_fold=True)
    ModelStorage(tmp_path).save(replace(draft, metadata=known))
    storage = ModelStorage(tmp_path)
    assert storage.find("tiny/1h_v2").metadata.of_fold
    assert storage.newest("tiny", Timeframe.H1, "EURUSD", synthetic=True).id == "tiny/1h_v1"
    storage.delete(tmp_path / "tiny" / "1h_v1")
    with pytest.raises(ModelNotFound, match=r"tiny/1h_v2 \(EURUSD, synthetic, of a fold\)"):
        storage.newest("tiny", Timeframe.H1, "EURUSD", synthetic=True)


def test_versions_are_numbers_not_letters(tmp_path: Path) -> None:
    for _ in range(11):
        store(tmp_path)
    storage = ModelStorage(tmp_path)
    assert storage.newest("tiny", Timeframe.H1, "EURUSD", synthetic=True).version == 11
    assert [model.version for model in storage.models("tiny")] == list(range(1, 12))


@pytest.mark.parametrize(
    ("strategy", "timeframe", "symbol", "synthetic"),
    [
        ("other", "1h", "EURUSD", True), ("tiny", "4h", "EURUSD", True), ("tiny", "1h", "GBPUSD", True),
        ("tiny", "1h", "EURUSD", False),
    ],
)  # fmt: skip
def test_without_one_the_others_are_listed(
    strategy: str, timeframe: str, symbol: str, synthetic: bool, tmp_path: Path
) -> None:
    store(tmp_path)
    with pytest.raises(ModelNotFound) as caught:
        ModelStorage(tmp_path).newest(strategy, Timeframe(timeframe), symbol, synthetic=synthetic)
    assert caught.value.code == "model_not_found"
    assert ("tiny/1h_v1 (EURUSD, synthetic)" in str(caught.value)) == (strategy == "tiny")


def test_models_are_listed_by_strategy_and_damaged_ones_left_out(tmp_path: Path) -> None:
    for name in ("b", "a", "a"):
        store(tmp_path, name=name)
    (tmp_path / "a" / "1h_v1" / "metadata_v3.json").write_text("{")
    (tmp_path / "a" / "notes").mkdir()
    (tmp_path / "stray").write_text("")
    assert [model.id for model in ModelStorage(tmp_path).models()] == ["a/1h_v2", "b/1h_v1"]
    assert ModelStorage(tmp_path / "nowhere").models() == []


def test_one_is_found_by_id_or_by_path(tmp_path: Path) -> None:
    storage = ModelStorage(tmp_path / "models")
    name = store(tmp_path / "models")
    assert storage.find(name).id == name
    elsewhere = tmp_path / "copy"
    (tmp_path / "models" / name).rename(elsewhere)
    assert storage.find(str(elsewhere), allow_path=True).path == elsewhere


OTHER = ["tiny/1h_v2", "tiny", "../models/tiny/1h_v1", "tiny/../tiny/1h_v1", "tiny/./1h_v1", "tiny/1h_v1\0", "/etc", ""]


@pytest.mark.parametrize("name", OTHER)
def test_other_names_are_refused(name: str, tmp_path: Path) -> None:
    store(tmp_path / "models")
    with pytest.raises(ModelNotFound):
        ModelStorage(tmp_path / "models").find(name)


@pytest.mark.parametrize("name", ["", "m" * 5_000, "a\0b"])
def test_what_no_file_system_takes_is_not_there_even_as_a_path(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="no such model"):
        ModelStorage(tmp_path / "models").find(name, allow_path=True)


def test_a_path_is_no_id(tmp_path: Path) -> None:
    name = store(tmp_path / "models")
    with pytest.raises(ModelNotFound, match="tiny/1h_v1"):
        ModelStorage(tmp_path / "models").find(str(tmp_path / "models" / name))


def test_an_id_does_not_follow_a_link_out_of_the_folder(tmp_path: Path) -> None:
    store(tmp_path / "outside")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny").symlink_to(tmp_path / "outside" / "tiny")
    with pytest.raises(ModelNotFound):
        ModelStorage(tmp_path / "models").find("tiny/1h_v1")


def equal_draft(identity: str) -> BundleDraft:
    draft = draft_of()
    return replace(draft, metadata=replace(draft.metadata, identity={"hash": identity, "parts": {}}))


def test_a_bundle_of_one_identity_is_written_once(tmp_path: Path) -> None:
    storage = ModelStorage(tmp_path)
    paths = [storage.save(equal_draft(identity)).name for identity in ("ab", "ab", "cd", "ab")]
    assert paths == ["1h_v1", "1h_v1", "1h_v2", "1h_v1"]
    found = storage.equal("tiny", "cd")
    assert found is not None and found.id == "tiny/1h_v2"
    assert storage.equal("tiny", "ef") is None and storage.equal("other", "ab") is None
    store(tmp_path)
    assert store(tmp_path) == "tiny/1h_v4"  # bundles without an identity are all different


def test_the_check_before_a_training_leaves_no_folder(tmp_path: Path) -> None:
    storage = ModelStorage(tmp_path / "models")
    storage.require_writable("tiny")
    assert list(storage.root.iterdir()) == []
    (storage.root / "tiny").write_text("a file")
    with pytest.raises(OutputNotWritable):
        storage.require_writable("tiny")


def test_of_equal_writers_at_one_time_one_writes(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: ModelStorage(tmp_path).save(equal_draft("ab")), range(16)))
    assert paths == {tmp_path / "tiny" / "1h_v1"}
    assert [path.name for path in (tmp_path / "tiny").iterdir()] == ["1h_v1"]


def test_a_write_clears_what_a_killed_one_has_left(tmp_path: Path) -> None:
    left = tmp_path / "tiny" / ".writing-1-abc"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"half")
    store(tmp_path)
    assert [path.name for path in (tmp_path / "tiny").iterdir()] == ["1h_v1"]


def test_those_preferred_come_before_newer_ones(tmp_path: Path) -> None:
    for synthetic in (True, None, True):
        store(tmp_path, synthetic=synthetic)
    storage = ModelStorage(tmp_path)

    def newest(*preferred: bool | None) -> str:
        return storage.newest(
            "tiny", Timeframe.H1, "EURUSD", synthetic=True, preferred=lambda known: known.synthetic in preferred
        ).id

    assert newest() == newest(True) == newest(False) == "tiny/1h_v3"
    assert newest(None) == "tiny/1h_v2"
