"""Our ways and the usual ways to do the same work, side by side in one run.

It needs the packages of the group ``dev``: the peers are among them.
"""
