"""Prints what the installed Salt needs, one requirement a line; run by the Python of its virtual environment.

It departs from what Salt's package says in two points. `timelib` comes as source only, so it would need a C compiler
and Python's headers; Salt reads dates of schedules with it and runs without. And releases of Salt ask for the `certifi`
of their day, which an index that lags a little does not have yet.
"""

from importlib.metadata import requires
from pip._vendor.packaging.requirements import Requirement

for line in requires("salt"):
    wanted = Requirement(line)
    if wanted.name == "timelib" or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
        continue
    print("certifi" if wanted.name == "certifi" else f"{wanted.name}{wanted.specifier}")
