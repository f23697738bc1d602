"""Which files are the policies of groups; to know it needs nothing else of groups."""

from __future__ import annotations

from pathlib import Path

from exitplan.schemas.loading.yaml_loader import load_yaml

GROUPS_FOLDER = "groups"
"""The folder below ``policies`` that the policies of groups are in."""
_OF_POLICIES = frozenset({"extends", "classification", "orders", "exits", "parameters", "account"})


def is_group_file(path: Path) -> bool:
    """Check whether a file is the policy of a group: by its folder, unless it says of itself that it is another one."""
    if path.parent.name != GROUPS_FOLDER or path.suffix not in {".yaml", ".yml"}:
        return False
    value = load_yaml(path).value
    return not (isinstance(value, dict) and value.keys() & _OF_POLICIES)
