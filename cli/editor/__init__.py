"""What editors are told of policies and tests while they are typed, through the language server protocol.

``server`` speaks the protocol; ``project`` reads open and saved files; ``places`` finds what stands at the cursor, even
in a file that is broken; ``diagnosing``, ``hovers``, ``completions`` and ``definitions`` answer.
"""
