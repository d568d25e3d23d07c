"""`python -m mixedsignals`."""

from mixedsignals.cli import main

main()
