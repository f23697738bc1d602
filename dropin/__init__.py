"""The Python API of the published Legacy Position Exit Protocol, on the same policies, engine, plan and executor."""
