"""Tests against servers that this project did not write: QEMU and Xspice, judged by QMP and by SpiceClientGLib."""
