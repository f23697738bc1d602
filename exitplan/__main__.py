"""Run the command line with ``python -m exitplan``."""

from cli.main import main

if __name__ == "__main__":
    main()
