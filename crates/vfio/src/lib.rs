//! Room `vfio`.
