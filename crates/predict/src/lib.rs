//! Room `predict`.
