"""What `docs/build.py` is made of: one file per generated reference, the executed tour, the picture of the report.

Everything generated comes from declarations in the package, so that the documentation cannot say anything else.
"""
