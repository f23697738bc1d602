"""Run the command line with ``python -m exitplan``."""

from exitplan.cli.main import main

if __name__ == "__main__":
    main()
