"""`python -m sim` is the command `rackplan`."""

from sim.app.main import main

if __name__ == "__main__":
    main()
