//! The write door is opened in this crate alone: there is no second way to change a
//! machine that virtfn is shipped to.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn only_apply_opens_the_write_door() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for folder in ["crates", "lab", "xtask"] {
        sources(&workspace.join(folder), &mut found);
    }
    let opens = |path: &&PathBuf| {
        fs::read_to_string(path).is_ok_and(|text| text.contains(concat!("Door::", "open(")))
    };
    let openers: Vec<_> = found.iter().filter(opens).collect();
    // netdevsim is no PCI device, so no plan reaches it: the lab guest's own program, which nobody
    // ships, sets it through the door itself. Nobody else does.
    let allowed = ["crates/apply/src/live.rs", "lab/guest/src/netdevsim.rs"];
    assert_eq!(openers.len(), allowed.len(), "{openers:?}");
    for path in allowed {
        assert!(openers.iter().any(|opener| opener.ends_with(path)), "{path}: {openers:?}");
    }
}
