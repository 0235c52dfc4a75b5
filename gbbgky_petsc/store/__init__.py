"""Results on disk: one HDF5 file a run, see docs/file-format.md."""
