"""Plans in syrupy's files: without what differs from run to run, so that a difference is one that matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syrupy.extensions.amber import AmberSnapshotExtension

if TYPE_CHECKING:
    from syrupy.types import SerializableData


class PlanSnapshots(AmberSnapshotExtension):
    """Write plans without ids, times, ages and hashes; everything else as syrupy does.

    A description that changes in the policy, and with it every hash and id, changes nothing in a snapshot.
    """

    def serialize(self, data: SerializableData, **options: Any) -> str:  # noqa: ANN401 - syrupy's own
        """Return the text of a plan, or of anything else."""
        if type(data).__module__.startswith("exitplan."):
            from exitplan.ruleset.planning.plan_types import Plan  # noqa: PLC0415 - no other data needs it
            from exitplan.ruleset.planning.stable import stable_document  # noqa: PLC0415 - as above

            if isinstance(data, Plan):
                return super().serialize(stable_document(data), **options)
        return super().serialize(data, **options)
