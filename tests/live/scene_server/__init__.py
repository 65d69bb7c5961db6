"""A server on libspice-server that draws whatever a test lays out: the QXL device's commands, byte for byte."""
