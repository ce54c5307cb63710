//! Room `doctor`.
