"""Stage 3 on a tiny model: same plan, same bytes, killed or not; the original stays as it is."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import CardBroken, Fault
from rtbf.evidence.canonical import canonical_bytes, digest_of
from rtbf.lm.adapters import load_adapter
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.load import load_model
from rtbf.lm.scoring import score_items
from rtbf.plan.record import FORGET_BATCH, RETAIN_BATCH, Adapter
from rtbf.unlearn import run as unlearn_run
from rtbf.unlearn.run import Material, batch_places, unlearn
from tests import builders, tiny

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from rtbf.corpora.corpus import Record
    from rtbf.plan.record import Plan
    from rtbf.unlearn.method import Pair
    from rtbf.unlearn.record import Unlearned

RECORDS = tiny.records(people=3)
FORGET, RETAIN = RECORDS[:20], RECORDS[20:]


class Killed(Exception):
    """The process ends here."""


@dataclass(frozen=True)
class Original:
    """A trained tiny model in a folder."""

    folder: Path
    digest: str

    def plan(self, method: str = "npo", **changes: Any) -> Plan:
        return tiny.plan_for(method, self.digest, FORGET, RETAIN, **changes)

    def material(self, forget: list[Record] | None = None, withheld: tuple[str, ...] = ()) -> Material:
        return tiny.material(self.folder, self.digest, forget or FORGET, RETAIN, withheld)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """A model that has seen its three people a few times."""
    folder = tmp_path_factory.mktemp("original") / "model"
    return Original(folder=folder, digest=tiny.train_folder(RECORDS, folder, epochs="12"))


def _unlearn(
    original: Original, plan: Plan, folder: Path, kill_at: int | None = None, withheld: tuple[str, ...] = ()
) -> tuple[Unlearned, Path]:
    def progress(step: str, done: int, _total: int) -> None:
        if step == "unlearning" and done == kill_at:
            raise Killed

    return unlearn(plan, digest_of(plan), original.material(withheld=withheld), original.folder, folder, progress=progress)


def test_two_runs_of_one_plan_give_the_same_record_and_files(tmp_path: Path, original: Original) -> None:
    first, served = _unlearn(original, original.plan(), tmp_path / "a")
    second, served_again = _unlearn(original, original.plan(), tmp_path / "b")

    assert canonical_bytes(first) == canonical_bytes(second)
    assert list_files(served) == list_files(served_again) == first.files
    assert first.artefact_digest == digest_of_files(first.files) != original.digest
    assert (first.kind, first.steps, first.stop_reason) == ("merged", 12, "max_steps")


@pytest.mark.parametrize("kill_at", [1, 4, 9, 10, 11, 12])
def test_a_run_killed_at_any_step_and_run_again_gives_the_record_of_an_undisturbed_one(
    tmp_path: Path, original: Original, kill_at: int
) -> None:
    plan = original.plan()
    undisturbed, _ = _unlearn(original, plan, tmp_path / "undisturbed")
    with pytest.raises(Killed):
        _unlearn(original, plan, tmp_path / "killed", kill_at=kill_at)
    left = sorted(path.name for path in (tmp_path / "killed").iterdir())

    resumed, _ = _unlearn(original, plan, tmp_path / "killed")

    assert canonical_bytes(resumed) == canonical_bytes(undisturbed)
    assert left == (["checkpoint"] if kill_at > 10 else [])  # nothing half-made, and no artefact


def test_a_run_killed_after_training_and_before_its_end_gives_the_same_record(
    tmp_path: Path, original: Original, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = original.plan()
    undisturbed, _ = _unlearn(original, plan, tmp_path / "undisturbed")

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(unlearn_run, "save_model", full_disk)
        with pytest.raises(OSError, match="No space left"):
            _unlearn(original, plan, tmp_path / "killed")
    resumed, _ = _unlearn(original, plan, tmp_path / "killed")

    assert canonical_bytes(resumed) == canonical_bytes(undisturbed)


def test_the_checkpoint_of_another_plan_is_not_continued(tmp_path: Path, original: Original) -> None:
    plan = original.plan(seed=24)
    undisturbed, _ = _unlearn(original, plan, tmp_path / "undisturbed")
    with pytest.raises(Killed):
        _unlearn(original, original.plan(seed=23), tmp_path / "folder", kill_at=11)

    found, _ = _unlearn(original, plan, tmp_path / "folder")

    assert canonical_bytes(found) == canonical_bytes(undisturbed)


WITHHELD = tuple(record.record_id for record in FORGET[::2])


def test_what_is_withheld_is_not_unlearned_and_the_record_names_it(tmp_path: Path, original: Original) -> None:
    plan = original.plan(steps=30)
    before = score_items(load_model(original.folder, original.digest, "the original"), original.material().forget)

    record, served = _unlearn(original, plan, tmp_path / "a", withheld=WITHHELD)

    after = score_items(load_model(served, record.artefact_digest, "the artefact"), original.material().forget)
    rise = [math.fsum(old.log_probs) - math.fsum(new.log_probs) for old, new in zip(before, after, strict=True)]
    assert record.withheld == WITHHELD
    assert record.plan_digest == digest_of(plan)
    # The method pushes on the other half only; what rises elsewhere comes along with it.
    assert math.fsum(rise[1::2]) > 1.2 * math.fsum(rise[::2])


def test_each_item_that_is_left_keeps_its_own_level(tmp_path: Path, original: Original, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = tuple("0.000001" if place % 4 == 1 else "99.000000" for place in range(len(FORGET)))

    pairs = _pairs_of(original, original.plan(forget_levels_nats=levels), tmp_path / "a", monkeypatch, withheld=WITHHELD)

    left = range(1, len(FORGET), 2)
    for step, pair in enumerate(pairs, start=1):
        places, _ = batch_places(23, step, len(left), len(RETAIN))
        assert pair.forget_weight.tolist() == [0.0 if left[place] % 4 == 1 else 1.0 for place in places]


def test_a_checkpoint_made_before_something_was_withheld_is_not_continued(tmp_path: Path, original: Original) -> None:
    plan = original.plan()
    undisturbed, _ = _unlearn(original, plan, tmp_path / "undisturbed", withheld=WITHHELD)
    with pytest.raises(Killed):
        _unlearn(original, plan, tmp_path / "killed", kill_at=11)

    resumed, _ = _unlearn(original, plan, tmp_path / "killed", withheld=WITHHELD)

    assert canonical_bytes(resumed) == canonical_bytes(undisturbed)


def test_noop_names_what_was_withheld_too(tmp_path: Path, original: Original) -> None:
    record, _ = _unlearn(original, original.plan("noop"), tmp_path / "a", withheld=WITHHELD)

    assert record.withheld == WITHHELD


def test_material_that_is_not_the_plans_is_never_trained_on(tmp_path: Path, original: Original) -> None:
    plan, whole = original.plan(), original.material()
    wrong = [
        replace(whole, withheld=WITHHELD),  # the items of withheld records are still there
        replace(original.material(RETAIN[:20]), level_places=tuple(range(20))),  # records the plan does not forget
        replace(whole, level_places=tuple(range(19))),
        replace(whole, level_places=tuple(range(1, 21))),
        replace(whole, forget=[], level_places=()),
    ]

    for material in wrong:
        with pytest.raises(Fault, match="not to be unlearned"):
            unlearn(plan, digest_of(plan), material, original.folder, tmp_path / "a")

    assert not (tmp_path / "a").exists()


def test_the_record_follows_the_seed(tmp_path: Path, original: Original) -> None:
    first, _ = _unlearn(original, original.plan(seed=23), tmp_path / "a")
    second, _ = _unlearn(original, original.plan(seed=24), tmp_path / "b")

    assert first.artefact_digest != second.artefact_digest


@pytest.mark.parametrize("method", ["npo", "gradient_difference"])
def test_the_originals_folder_is_never_written_to(tmp_path: Path, original: Original, method: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in original.folder.rglob("*")}

    _unlearn(original, original.plan(method), tmp_path / "a")

    assert digest_of_files(list_files(original.folder)) == original.digest
    assert {path: path.stat().st_mtime_ns for path in original.folder.rglob("*")} == before


def test_when_it_is_done_no_checkpoint_and_no_other_copy_of_the_weights_is_left(tmp_path: Path, original: Original) -> None:
    _unlearn(original, original.plan(), tmp_path / "a")

    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["adapter", "merged"]


@pytest.mark.parametrize("method", ["npo", "gradient_difference"])
def test_unlearning_raises_the_loss_on_the_forget_items(tmp_path: Path, original: Original, method: str) -> None:
    record, _ = _unlearn(original, original.plan(method, steps=40), tmp_path / "a")

    first, last = record.curve[0], record.curve[-1]
    assert float(last.forget_nll_nats) > 1.5 * float(first.forget_nll_nats)
    assert [point.step for point in record.curve] == list(range(4, 41, 4))


def test_the_curve_is_measured_on_the_weights_that_are_saved(tmp_path: Path, original: Original) -> None:
    material = original.material()
    record, served = _unlearn(original, original.plan(), tmp_path / "a")

    scores = score_items(load_model(served, record.artefact_digest, "the artefact"), material.forget)

    means = [-math.fsum(score.log_probs) / len(score.log_probs) for score in scores]
    assert float(record.curve[-1].forget_nll_nats) == pytest.approx(math.fsum(means) / len(means), abs=1e-4)


def test_an_unmerged_plan_leaves_an_adapter_that_names_no_place(tmp_path: Path, original: Original) -> None:
    plan = original.plan(adapter=Adapter(rank=4, alpha=8, is_merged=False))

    record, served = _unlearn(original, plan, tmp_path / "a")

    assert (record.kind, served.name) == ("adapter", "adapter")
    assert not (tmp_path / "a" / "merged").exists()
    config = (served / "adapter_config.json").read_text(encoding="utf-8")
    assert json.loads(config)["base_model_name_or_path"] == original.digest == record.base_digest
    assert str(tmp_path) not in config
    assert str(original.folder) not in config


def test_the_merged_model_answers_as_base_and_adapter_do(tmp_path: Path, original: Original) -> None:
    material = original.material()
    record, served = _unlearn(original, original.plan(), tmp_path / "a")
    worn = load_adapter(load_model(original.folder, original.digest, "the base"), tmp_path / "a" / "adapter")

    merged = score_items(load_model(served, record.artefact_digest, "the artefact"), material.forget)

    for one, other in zip(merged, score_items(worn, material.forget), strict=True):
        assert one.log_probs == pytest.approx(other.log_probs, abs=1e-4)


def test_noop_returns_the_original_untouched(tmp_path: Path, original: Original) -> None:
    record, served = _unlearn(original, original.plan("noop"), tmp_path / "a")

    assert served == original.folder
    assert record.artefact_digest == original.digest
    assert record.files == list_files(original.folder)
    assert (record.kind, record.steps, record.stop_reason, record.curve) == ("unchanged", 0, "nothing_to_train", ())
    assert not (tmp_path / "a").exists()


def test_a_small_forget_set_is_watched_at_every_step(tmp_path: Path, original: Original) -> None:
    stop = tiny.stop_rule(forget_nll_nats_min="0.000000", retain_nll_nats_rise_max="99", max_steps=12)

    record, _ = _unlearn(original, original.plan(stop=stop), tmp_path / "a")

    assert (record.steps, record.stop_reason, len(record.curve)) == (1, "both_sides_held", 1)


def test_a_large_one_stops_at_the_first_check_where_both_sides_hold(
    tmp_path: Path, original: Original, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlearn_run, "_WATCHED_ITEMS", 0)
    stop = tiny.stop_rule(forget_nll_nats_min="0.000000", retain_nll_nats_rise_max="99", max_steps=12)

    record, _ = _unlearn(original, original.plan(stop=stop), tmp_path / "a")

    assert (record.steps, record.stop_reason, len(record.curve)) == (4, "both_sides_held", 1)


@pytest.mark.parametrize(
    "side",
    [
        {"forget_nll_nats_min": "99", "retain_nll_nats_rise_max": "99"},
        {"forget_nll_nats_min": "0", "retain_nll_nats_rise_max": "-99"},
        {"forget_nll_nats_min": "0", "forget_nll_nats_max": "0.000001", "retain_nll_nats_rise_max": "99"},
    ],
)
def test_one_side_alone_does_not_stop_it(tmp_path: Path, original: Original, side: dict[str, str]) -> None:
    record, _ = _unlearn(original, original.plan(stop=tiny.stop_rule(**side)), tmp_path / "a")

    assert (record.steps, record.stop_reason) == (12, "max_steps")


def test_a_stopped_run_that_is_killed_before_its_end_stops_at_the_same_step(
    tmp_path: Path, original: Original, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlearn_run, "_WATCHED_ITEMS", 0)
    stop = tiny.stop_rule(forget_nll_nats_min="0.000000", retain_nll_nats_rise_max="99", check_every_steps=5, max_steps=12)
    plan = original.plan(stop=stop)
    undisturbed, _ = _unlearn(original, plan, tmp_path / "undisturbed")
    with pytest.raises(Killed):
        _unlearn(original, plan, tmp_path / "killed", kill_at=5)

    resumed, _ = _unlearn(original, plan, tmp_path / "killed")

    assert canonical_bytes(resumed) == canonical_bytes(undisturbed)
    assert resumed.steps == 5


def _pairs_of(original: Original, plan: Plan, folder: Path, monkeypatch: pytest.MonkeyPatch, withheld: tuple[str, ...] = ()) -> list[Pair]:
    """Return the pairs a run hands to its method."""
    seen: list[Pair] = []
    real = unlearn_run.load

    def spied(kind: Any, name: str) -> Any:
        method = real(kind, name)

        class Spy:
            @staticmethod
            def loss(pair: Pair) -> torch.Tensor:
                seen.append(pair)
                loss: torch.Tensor = method.loss(pair)
                return loss

        return Spy

    monkeypatch.setattr(unlearn_run, "load", spied)
    _unlearn(original, plan, folder, withheld=withheld)
    return seen


def test_the_method_is_handed_sums_counts_and_the_models_own_past(
    tmp_path: Path, original: Original, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = original.material().forget
    before = score_items(load_model(original.folder, original.digest, "the original"), items)

    pairs = _pairs_of(original, original.plan(), tmp_path / "a", monkeypatch)

    first = pairs[0]
    places, _ = batch_places(23, 1, len(items), len(RETAIN))
    assert first.forget_tokens.tolist() == [len(items[place].answer_ids) for place in places]
    expected = [-math.fsum(before[place].log_probs) for place in places]
    assert first.forget_nll_reference.tolist() == pytest.approx(expected, abs=1e-3)
    assert first.forget_nll.tolist() == pytest.approx(expected, abs=1e-3)  # a fresh adapter changes nothing
    assert not first.forget_nll_reference.requires_grad
    assert first.forget_nll.requires_grad
    assert len(first.retain_nll) == RETAIN_BATCH
    assert len(pairs) == 12


def test_the_reference_does_not_follow_the_adapter(tmp_path: Path, original: Original, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = _pairs_of(original, original.plan(), tmp_path / "a", monkeypatch)

    by_place: dict[int, set[float]] = {}
    for step, pair in enumerate(pairs, start=1):
        places, _ = batch_places(23, step, len(FORGET), len(RETAIN))
        for place, value in zip(places, pair.forget_nll_reference.tolist(), strict=True):
            by_place.setdefault(place, set()).add(value)
    assert len(by_place) == len(FORGET)
    assert all(len(values) == 1 for values in by_place.values())


def test_the_brake_holds_an_item_exactly_while_it_is_at_or_above_its_own_level(
    tmp_path: Path, original: Original, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = tuple("0.000001" if place % 2 else "99.000000" for place in range(len(FORGET)))

    pairs = _pairs_of(original, original.plan(forget_levels_nats=levels), tmp_path / "a", monkeypatch)

    for step, pair in enumerate(pairs, start=1):
        places, _ = batch_places(23, step, len(FORGET), len(RETAIN))
        assert pair.forget_weight.tolist() == [0.0 if place % 2 else 1.0 for place in places]


def test_without_the_brake_every_item_takes_part(tmp_path: Path, original: Original, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = original.plan(forget_levels_nats=("0.000001",) * len(FORGET), stop=tiny.stop_rule(is_braked=False))

    pairs = _pairs_of(original, plan, tmp_path / "a", monkeypatch)

    assert {weight for pair in pairs for weight in pair.forget_weight.tolist()} == {1.0}


def test_a_method_whose_loss_is_not_finite_leaves_no_artefact(tmp_path: Path, original: Original, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        @staticmethod
        def loss(pair: Pair) -> torch.Tensor:
            return pair.forget_nll.sum() * math.nan

    monkeypatch.setattr(unlearn_run, "load", lambda _kind, _name: Broken)

    with pytest.raises(Fault, match="nothing was kept"):
        _unlearn(original, original.plan(), tmp_path / "a")

    assert [path.name for path in (tmp_path / "a").iterdir()] == []
    assert digest_of_files(list_files(original.folder)) == original.digest


def test_a_method_without_a_learning_rate_is_named_as_broken(tmp_path: Path, original: Original) -> None:
    plan = replace(original.plan(), parameters=(("beta", "0.1"), ("gamma", "1"), ("alpha", "1")))

    with pytest.raises(CardBroken, match="learning_rate"):
        _unlearn(original, plan, tmp_path / "a")


@pytest.mark.parametrize(("n_forget", "n_retain"), [(1, 1), (3, 5), (8, 24), (20, 40), (21, 500)])
def test_batches_depend_on_seed_and_step_alone_and_visit_every_forget_item(n_forget: int, n_retain: int) -> None:
    steps = [batch_places(9, step, n_forget, n_retain) for step in range(1, n_forget + 1)]

    backward = [batch_places(9, step, n_forget, n_retain) for step in range(n_forget, 0, -1)]

    assert steps == backward[::-1]
    n_batch = min(FORGET_BATCH, n_forget)
    assert {place for forget, _ in steps[: -(-n_forget // n_batch)] for place in forget} == set(range(n_forget))
    for forget, retain in steps:
        assert len(forget) == len(set(forget)) == n_batch
        assert len(retain) == len(set(retain)) == min(RETAIN_BATCH, n_retain)
        assert max(retain) < n_retain


def test_another_seed_draws_other_retain_items() -> None:
    assert batch_places(9, 1, 8, 500) != batch_places(10, 1, 8, 500)
    assert batch_places(9, 1, 8, 500)[1] != batch_places(9, 2, 8, 500)[1]


def test_the_record_tells_neither_time_nor_place(tmp_path: Path, original: Original) -> None:
    record, _ = _unlearn(original, original.plan(), tmp_path / "a")

    text = canonical_bytes(record).decode()

    assert str(tmp_path) not in text
    assert "/" not in text.replace(record.schema, "").replace("rtbf.", "")
    assert record.plan_digest == digest_of(original.plan())
    assert record.ticket_id == builders.TICKET_ID
