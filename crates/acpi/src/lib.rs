//! Room `acpi`.
