//! Network interfaces that were moved to another network namespace.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsFd;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde::{Deserialize, Serialize};
use virtfn_pci::Address;

use crate::netlink::{Netlink, links_of_function};
use crate::processes::name_of;

/// Where a function's interface went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// The namespace: its name below /run/netns, or a process that lives in it.
    pub namespace: String,
    /// That process.
    pub pid: Option<u32>,
    /// The interface's name there.
    pub netdev: String,
}

/// Looks for the interfaces of `functions` in every other network namespace that can be found:
/// those with a name, and those that a process lives in.
///
/// A thread of its own enters each, asks, and ends; this one stays where it is.
#[must_use]
pub fn find(functions: &[Address]) -> BTreeMap<Address, Elsewhere> {
    let mut found = BTreeMap::new();
    for (namespace, pid, file) in others() {
        let wanted = functions.to_vec();
        let looked = std::thread::spawn(move || names_in(&file, &wanted)).join();
        for (function, netdev) in looked.unwrap_or_default() {
            found.entry(function).or_insert(Elsewhere {
                namespace: namespace.clone(),
                pid,
                netdev,
            });
        }
    }
    found
}

fn names_in(namespace: &File, functions: &[Address]) -> Vec<(Address, String)> {
    if move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).is_err() {
        return Vec::new();
    }
    let Ok(mut netlink) = Netlink::open() else {
        return Vec::new();
    };
    let names = |function: &Address| {
        let names = links_of_function(&mut netlink, *function).ok()?;
        Some((*function, names.into_iter().next()?))
    };
    functions.iter().filter_map(names).collect()
}

/// Every other namespace once, the named ones first.
fn others() -> Vec<(String, Option<u32>, File)> {
    let own = identity("/proc/self/ns/net");
    let mut seen: Vec<(u64, u64)> = own.into_iter().collect();
    let mut others = Vec::new();
    for folder in ["/run/netns", "/run/docker/netns"] {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            add(&mut seen, &mut others, &entry.path().to_string_lossy(), name, None);
        }
    }
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let name = format!("of {} (pid {pid})", name_of(pid));
        add(&mut seen, &mut others, &format!("/proc/{pid}/ns/net"), name, Some(pid));
    }
    others
}

fn add(
    seen: &mut Vec<(u64, u64)>,
    others: &mut Vec<(String, Option<u32>, File)>,
    path: &str,
    name: String,
    pid: Option<u32>,
) {
    let Some(identity) = identity(path).filter(|identity| !seen.contains(identity)) else {
        return;
    };
    if let Ok(file) = File::open(path) {
        seen.push(identity);
        others.push((name, pid, file));
    }
}

/// A namespace is the same when its file's device and inode are.
fn identity(path: &str) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let stat = std::fs::metadata(path).ok()?;
    Some((stat.dev(), stat.ino()))
}
