//! What the configuration of other owners says, read file by file.
//!
//! Secrets stand in these files, so no tape keeps them: a recording has the claims themselves, as a
//! fact, or the files, if somebody else made it.

use std::collections::BTreeSet;

use virtfn_formats::{File, MAX_FILE_BYTES, Reading, Run, SOURCES, Shadow, Source, read_program};
use virtfn_host::{Claims, Reason, Seen, Unreadable};
use virtfn_kernel::SysRoot;

use crate::texts::{Texts, Told};

/// Where a recording has the claims.
pub(crate) const FACT: &str = "virtfn/claims.json";
/// No folder of configuration has more files than this.
const MAX_FILES: usize = 4096;
/// No more claims than this are kept: readers are bounded, and so are files, but not together.
const MAX_CLAIMS: usize = 1 << 16;

pub(crate) fn read(root: &SysRoot, texts: &mut Texts) -> Seen<Claims> {
    match root.fact("claims", || Seen::Known(read_files(root, texts))) {
        Seen::Absent if is_foreign(root) => Seen::Known(read_files(root, texts)),
        told => told,
    }
}

/// Was this recording made by somebody else, with files of configuration in it? One of sysfs alone
/// says nothing about configuration, and virtfn's own from before it read a fact kept no files of it.
pub(crate) fn is_foreign(root: &SysRoot) -> bool {
    let has = |folder: &str| root.peek_names(folder, |_| false) != Seen::Absent;
    !root.is_live() && !has("virtfn") && has("etc")
}

fn read_files(root: &SysRoot, texts: &mut Texts) -> Claims {
    let mut claims = Claims::default();
    for source in SOURCES {
        read_source(root, source, texts, &mut claims);
    }
    claims.found.truncate(MAX_CLAIMS);
    claims
}

fn read_source(root: &SysRoot, source: &Source, texts: &mut Texts, claims: &mut Claims) {
    let Told { files, mut unseen } = texts.take(root, source);
    for texts in files {
        let files: Vec<File<'_>> = texts.iter().map(|(path, text)| File { path, text }).collect();
        let reading = (source.read)(&files);
        let runs = take(reading, claims);
        for run in runs {
            if let Seen::Known(text) = root.peek(&run.path, MAX_FILE_BYTES) {
                take(read_program(File { path: &run.path, text: &text }, &run), claims);
            }
        }
    }
    claims.unseen.append(&mut unseen);
}

/// The files of one source that count, each with its drop-ins behind it: path and text.
#[must_use]
pub fn files(
    root: &SysRoot,
    source: &Source,
    unseen: &mut Vec<Unreadable>,
) -> Vec<Vec<(String, String)>> {
    let mut all = Vec::new();
    let mut hidden = BTreeSet::new();
    let drop_ins = drop_in_folders(root, source);
    for folder in source.folders {
        let names = match root.peek_names(folder, |name| source.wants(name)) {
            Seen::Known(names) => names,
            Seen::Absent => continue,
            Seen::Unreadable(unreadable) => {
                unseen.push(unreadable);
                continue;
            }
        };
        for name in names.into_iter().take(MAX_FILES) {
            if source.shadow == Shadow::None || hidden.insert(name.clone()) {
                all.extend(file(root, source, folder, &name, &drop_ins, unseen));
            }
        }
    }
    all
}

fn file(
    root: &SysRoot,
    source: &Source,
    folder: &str,
    name: &str,
    drop_in_folders: &BTreeSet<String>,
    unseen: &mut Vec<Unreadable>,
) -> Option<Vec<(String, String)>> {
    let path = format!("{folder}/{name}");
    let mut texts = Vec::new();
    match root.peek(&path, MAX_FILE_BYTES) {
        Seen::Known(text) => texts.push((path, text)),
        Seen::Absent => return None,
        // What is no text lays nothing down.
        Seen::Unreadable(Unreadable { why: Reason::Malformed, .. }) => return None,
        Seen::Unreadable(unreadable) => {
            unseen.push(unreadable);
            return None;
        }
    }
    if source.shadow == Shadow::WithDropIns {
        texts.extend(drop_ins(root, source, name, drop_in_folders));
    }
    Some(texts)
}

/// The `NAME.d` that there are, as paths: few units have one, and a look for each is a call each.
fn drop_in_folders(root: &SysRoot, source: &Source) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    if source.shadow == Shadow::WithDropIns {
        for folder in source.folders {
            let names = root.peek_names(folder, |name| name.ends_with(".d"));
            all.extend(names.known().into_iter().flatten().map(|name| format!("{folder}/{name}")));
        }
    }
    all
}

/// `NAME.d/*.conf` in every folder of the source; of one name the first counts.
fn drop_ins(
    root: &SysRoot,
    source: &Source,
    name: &str,
    there: &BTreeSet<String>,
) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    let mut hidden = BTreeSet::new();
    for folder in source.folders {
        let folder = format!("{folder}/{name}.d");
        if !there.contains(&folder) {
            continue;
        }
        let names = root.peek_names(&folder, |name| name.ends_with(".conf"));
        for name in names.known().into_iter().flatten().take(MAX_FILES) {
            let path = format!("{folder}/{name}");
            if let (true, Seen::Known(text)) =
                (hidden.insert(name.clone()), root.peek(&path, MAX_FILE_BYTES))
            {
                texts.push((path, text));
            }
        }
    }
    texts
}

/// Notes what a reader made of its files, and gives what they run.
fn take(reading: Reading, claims: &mut Claims) -> Vec<Run> {
    claims.found.extend(reading.claims);
    claims.unseen.extend(reading.unread.into_iter().map(|unread| Unreadable {
        path: if unread.line > 0 {
            format!("{}:{}", unread.path, unread.line)
        } else {
            unread.path
        },
        why: Reason::Failed(unread.why),
    }));
    reading.runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use virtfn_host::{Demand, VfCount};

    fn root(files: &[(&str, &str)]) -> (tempfile::TempDir, SysRoot) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let root = SysRoot::open(folder.path()).unwrap();
        (folder, root)
    }

    #[test]
    fn files_hide_those_of_their_name_and_have_drop_ins() {
        let link =
            |count: u32| format!("[Match]\nName=*\n[Link]\nSR-IOVVirtualFunctions={count}\n");
        let (_folder, root) = root(&[
            ("etc/systemd/network/10-a.link", "[Match]\nOriginalName=*\n"),
            ("etc/systemd/network/10-a.link.d/vfs.conf", "[Link]\nSR-IOVVirtualFunctions=3\n"),
            ("usr/lib/systemd/network/10-a.link", &link(9)),
            ("usr/lib/systemd/network/20-b.link", &link(4)),
            ("usr/lib/systemd/network/20-b.link.dpkg-old", &link(5)),
        ]);
        let claims = read(&root, &mut Texts::default());
        let claims = claims.known().unwrap();
        let told: Vec<_> = claims.found.iter().map(|one| (one.place(), one.what.clone())).collect();
        assert_eq!(
            told,
            [
                (
                    "etc/systemd/network/10-a.link.d/vfs.conf:2".to_owned(),
                    Demand::Vfs(VfCount::Exactly(3))
                ),
                (
                    "usr/lib/systemd/network/20-b.link:4".to_owned(),
                    Demand::Vfs(VfCount::Exactly(4))
                ),
            ]
        );
        assert_eq!(claims.unseen, []);
    }

    #[test]
    fn what_a_unit_runs_is_read_too() {
        let (_folder, root) = root(&[
            ("etc/systemd/system/vfs.service", "[Service]\nExecStart=/usr/local/sbin/vfs 4\n"),
            ("usr/local/sbin/vfs", "echo $1 > /sys/class/net/eth0/device/sriov_numvfs\n"),
            ("etc/netplan/50.yaml", "network: [\n"),
        ]);
        let claims = read(&root, &mut Texts::default());
        let claims = claims.known().unwrap();
        assert_eq!(claims.found[0].place(), "usr/local/sbin/vfs:1");
        assert_eq!(claims.found[0].what, Demand::Vfs(VfCount::Unclear));
        assert!(claims.unseen[0].path.starts_with("etc/netplan/50.yaml"));
    }

    #[test]
    fn a_recording_of_sysfs_alone_says_nothing() {
        let (_folder, root) = root(&[("sys/x", "")]);
        assert_eq!(read(&root, &mut Texts::default()), Seen::Absent);
    }
}
