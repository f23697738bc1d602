"""The version of the tool, written into every plan."""

VERSION = "0.1.0"
