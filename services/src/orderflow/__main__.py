"""`python -m orderflow` is the `orderflow` command."""

from orderflow.cli.main import main

if __name__ == "__main__":
    main()
