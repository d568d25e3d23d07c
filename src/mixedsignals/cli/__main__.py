"""`python -m mixedsignals.cli`."""

from mixedsignals.cli import main

main()
