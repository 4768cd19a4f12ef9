"""``python -m scanstage ARGS``: the command line."""

from scanstage.render.cli.app import main

if __name__ == "__main__":
    main()
