"""Probe results in the shape of reports up to the third version, each with replaceable parts. Frozen with `rtbf.verify.frozen`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rtbf.report.predicate_v3 import PlannedProbeV3
from rtbf.verify.frozen.probes_v1 import PROBES
from rtbf.verify.frozen.record_v1 import Interval, ProbeResult


def probe_result(probe_id: str = "F2", **changes: Any) -> ProbeResult:
    """Return a result that is equivalent by itself; the family follows the first letter of the id."""
    family: Any = {"F": "forget", "R": "recovery", "U": "utility"}[probe_id[0]]
    is_utility = family == "utility"
    made = ProbeResult(
        probe_id=probe_id,
        name=f"probe_{probe_id.lower()}",
        family=family,
        code_digest="sha256:" + "06" * 32,
        unit="nats per token" if is_utility else "share",
        higher_is="worse utility" if is_utility else "more remembered",
        direction="non_inferior" if is_utility else "two_sided",
        n_records=20,
        n_items=40,
        n_excluded=0,
        before="2.100000" if is_utility else "0.920000",
        after="2.104000" if is_utility else "0.150000",
        control=None if is_utility else "0.140000",
        estimate="0.004000" if is_utility else "0.010000",
        interval=Interval(low="-0.002000", high="0.010000", level="0.90")
        if is_utility
        else Interval(low="-0.020000", high="0.030000", level="0.90"),
        assay=None if is_utility else Interval(low="0.700000", high="0.850000", level="0.90"),
        p_leak=None if is_utility else "0.300000",
        p_trace=None if is_utility else "0.700000",
        p_attainable=None if is_utility else "0.000001",
        witnesses=None if is_utility else 0,
        margin="0.020000" if is_utility else "0.050000",
        margin_origin="PROTOCOL §1",
        items_digest="sha256:" + "07" * 32,
        seed=17,
        not_applicable=None,
        problem=None,
    )
    return replace(made, **changes)


def passing_probes() -> tuple[ProbeResult, ...]:
    """Return every probe that the approximate class needs, each equivalent."""
    ids = ("F1", "F2", "F3", "F4", "F6", "R1", "R2", "R3", "R4", "R5", "U1", "U2", "U4", "U6")
    return tuple(probe_result(probe_id) for probe_id in ids)


def leaking_probe(probe_id: str = "F2", **changes: Any) -> ProbeResult:
    """Return a result that shows the data is still there, as `noop` would."""
    leak: dict[str, Any] = {
        "after": "0.920000",
        "estimate": "0.780000",
        "interval": Interval(low="0.700000", high="0.850000", level="0.90"),
        "p_leak": "0.000001",
        "p_trace": "1.000000",
    }
    return probe_result(probe_id, **{**leak, **changes})


def planned_probes() -> dict[str, PlannedProbeV3]:
    """Return a plan's line about each probe, by its file's name, with the margins of the time."""
    margins = {"F1": "0.05", "F2": "0.05", "F2.em": "0.05", "F3": "0.10", "R2": "0.10", "U1": "0.02"}
    directions: dict[str, Any] = {"F1": "lower_is_better", "R2": "lower_is_better", "U1": "non_inferior"}
    return {
        probe.name: PlannedProbeV3(
            probe_id=probe.probe_id,
            name=probe.name,
            family=probe.family,
            code_digest=max(probe.code_digests),
            unit=probe.unit,
            direction=directions.get(probe.probe_id, "two_sided"),
            margin=margins[probe.probe_id],
            margin_origin="made up",
        )
        for probe in PROBES
    }
