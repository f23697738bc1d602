"""The pages: each module builds what is shown in pure functions, of what the executor remembers."""
