"""The pytest plugin: collects policy tests, and gives tests in Python the planner and a paper account.

``hooks`` is what pytest loads in every project and imports nothing of exitplan by itself; ``items`` are the cases that
are collected, ``accounts`` stands behind the fixtures, ``snapshots`` extends syrupy.
"""
