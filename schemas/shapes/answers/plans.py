"""The shapes of what commands on saved plans print: diff, keygen, sign."""

from __future__ import annotations

from exitplan.schemas.shapes.answers.parts import answer
from exitplan.schemas.shapes.common import Schema, flag, listed, name, one_of, record, text


def diff_schema() -> Schema:
    """Describe what ``exitplan diff --json`` prints."""
    change = record(
        {
            "account": name("The account that it is in."),
            "change": one_of({"added": "", "removed": "", "changed": ""}, "How the action differs."),
            "fields": listed(text(), "The fields that differ."),
            "old": {"type": ["object", "null"], "description": "The action in the old plan."},
            "new": {"type": ["object", "null"], "description": "The action in the new plan."},
        },
        ("account", "change", "fields", "old", "new"),
    )
    properties = {
        "old": text("The old plan."),
        "new": text("The new plan."),
        "account": text("The account of both; null for plans of a group.", optional=True),
        "group": text("The group of both; null for plans of an account.", optional=True),
        "policy": listed(text(), "What the group's policy says otherwise: hedged, max_leg_imbalance, on_leg_failure."),
        "changes": listed(change, "The actions that differ."),
    }
    return answer("diff", "Difference of plans", "What one plan does that another does not.", properties)


def keygen_schema() -> Schema:
    """Describe what ``exitplan keygen --json`` prints."""
    properties = {
        "file": text("The file of the private key."),
        "public_key": text("The line for require_signature, as in the .pub file."),
        "fingerprint": text("The name of the key that ssh-keygen -l prints."),
    }
    return answer("keygen", "Key pair", "A key pair that plans are signed with.", properties)


def sign_schema() -> Schema:
    """Describe what ``exitplan sign --json`` prints."""
    signature = record(
        {
            "key": text("The fingerprint of the key; null where it cannot be read.", optional=True),
            "name": text("Whose key it is, where the account lists it.", optional=True),
            "ok": flag("Whether it is a signature of the plan.", optional=False),
            "problem": text("Why it is none.", optional=True),
        },
        ("key", "name", "ok", "problem"),
    )
    properties = {
        "plan_id": text("The plan."),
        "account": text("Its account; null for the plan of a group.", optional=True),
        "group": text("Its group; null for the plan of an account.", optional=True),
        "file": text("The file of its signatures."),
        "key": text("The fingerprint of the key that has signed it now."),
        "signatures": listed(signature, "All signatures of the plan."),
    }
    return answer("sign", "Signature", "A signature that was added to a plan.", properties)
