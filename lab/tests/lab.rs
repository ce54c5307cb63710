//! The lab's tests, one program so that they share booted machines.
//!
//! `cargo xtask lab test [FILTER]` runs them. How to write one: the documentation of `virtfn_lab`.

#![allow(clippy::unwrap_used)] // A test that cannot unwrap has failed.

mod adopts;
mod again;
mod boots;
mod capacity;
mod carve;
mod compare;
mod crash;
mod declared;
mod faults;
mod guest_view;
mod guests;
mod holders;
mod libvirt_xml;
mod netdevsim;
mod owners;
mod package;
mod predict;
mod readers;
mod reboots;
mod records;
mod rules;
mod runner;
mod vfio;
mod virsh;
mod vms;
