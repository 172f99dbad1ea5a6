"""What both demo apps must compute, worked out in Python.

``python -m tests.apps.generate`` writes ``tests/apps/vectors``. Where the project itself has the function (fitting,
EXIF, rounding, sealing, percentiles), the answer is that function's.
"""
