//! What `virtfn list` and `virtfn plan` cost grows with the number of functions, and no faster.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::big_host;
use tempfile::TempDir;
use virtfn_kernel::SysRoot;
use virtfn_observe::{Facet, Look};

/// 257, 514 and 1,028 functions.
const PFS: [u16; 3] = [1, 2, 4];

fn functions(pfs: u16) -> f64 {
    f64::from(pfs) * 257.0
}

fn hosts() -> Vec<(u16, TempDir)> {
    let make = |pfs| {
        let folder = TempDir::new().unwrap();
        big_host::write(folder.path(), pfs).unwrap();
        (pfs, folder)
    };
    PFS.into_iter().map(make).collect()
}

/// Runs virtfn under a tool that counts, and gives what the tool wrote into its file.
fn counted(tool: &str, options: &[&str], words: &[&str], host: &Path) -> String {
    let report = tempfile::NamedTempFile::new().unwrap();
    let report_path = PathBuf::from(report.path());
    let options = options.iter().map(|word| word.replace("REPORT", &report_path.to_string_lossy()));
    let output = Command::new(tool)
        .args(options)
        .arg(env!("CARGO_BIN_EXE_virtfn"))
        .args(words)
        .arg("--root")
        .arg(host)
        .output()
        .unwrap_or_else(|error| panic!("{tool}: cannot be run: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    let ended = matches!(output.status.code(), Some(0 | 4));
    assert!(ended, "{tool} virtfn {words:?}: {}: {told}", output.status);
    assert!(!output.stdout.is_empty());
    std::fs::read_to_string(&report_path).unwrap()
}

#[test]
fn the_generated_hosts_are_seen_whole() {
    let folder = TempDir::new().unwrap();
    big_host::write(folder.path(), 2).unwrap();
    let path = folder.path().to_str().unwrap();
    let ran = support::run(&["list", "--json", "--root", path]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let list: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let functions = list["functions"].as_array().unwrap();
    assert_eq!(functions.len(), 2 * big_host::FUNCTIONS_PER_PF);
    let vf =
        |function: &&serde_json::Value| function["kind"] == "vf" && !function["vf_index"].is_null();
    assert_eq!(functions.iter().filter(vf).count(), 512);
    assert!(functions.iter().all(|function| !function["mac"].is_null()));
}

#[test]
fn system_calls_a_function_stay_the_same() {
    let calls: Vec<(u16, f64)> = hosts()
        .iter()
        .map(|(pfs, host)| {
            let report = counted("strace", &["-f", "-c", "-o", "REPORT"], &["list"], host.path());
            (*pfs, total_calls(&report))
        })
        .collect();
    let each: Vec<f64> = calls.iter().map(|(pfs, calls)| calls / functions(*pfs)).collect();
    let (least, most) =
        (each.iter().copied().fold(f64::MAX, f64::min), each.iter().copied().fold(0.0, f64::max));
    assert!(most / least < 1.02, "system calls a function: {each:?}");
}

/// The line `100.00  0.012345  1  9876  12 total`: the number of calls is its fourth word.
fn total_calls(report: &str) -> f64 {
    let line = report.lines().find(|line| line.ends_with("total")).unwrap();
    line.split_whitespace().nth(3).unwrap().parse().unwrap()
}

#[test]
fn instructions_grow_no_faster_than_the_functions() {
    let options = ["--tool=callgrind", "--callgrind-out-file=REPORT"];
    let hosts = hosts();
    let policy = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(policy.path(), every_vf_of_every_pf()).unwrap();
    let plan = ["plan", "-f", policy.path().to_str().unwrap()];
    let facets = [
        Facet::Config,
        Facet::Details,
        Facet::Around,
        Facet::Locked,
        Facet::Netdevs,
        Facet::Admin,
        Facet::Holders,
        Facet::Claims,
        Facet::Kernel,
        Facet::Modules,
        Facet::Names,
    ];
    let packed: Vec<PathBuf> = hosts.iter().map(|(_, host)| packed(host.path(), &facets)).collect();
    // A plan looks at more, and takes longer to count: the two smaller hosts are enough.
    for (words, hosts) in [(&["list"][..], &packed[..]), (&plan, &packed[..2])] {
        let count =
            |host: &PathBuf| total_instructions(&counted("valgrind", &options, words, host));
        let counts: Vec<f64> = hosts.iter().map(count).collect();
        for pair in counts.windows(2) {
            assert!(pair[1] / pair[0] < 2.2, "instructions of {words:?}: {counts:?}");
        }
    }
}

/// A file that spells out each VF, so that each is a step of the plan.
fn every_vf_of_every_pf() -> String {
    let vf = |index: u16| format!("      {index}: {{ vlan: {}, mtu: 1400 }}\n", index % 4000 + 1);
    let head = "version: 1\npfs:\n  - match: { driver: ixgbe }\n    vfs: 256\n    vf:\n";
    head.to_owned() + &(0..256).map(vf).collect::<String>()
}

/// What is read of the same host as one file: valgrind does not know the system call (`openat2`) that
/// keeps a read inside a folder, and unpacking more would take minutes.
fn packed(host: &Path, facets: &[Facet]) -> PathBuf {
    let file = host.join("host.tar.zst");
    let root = SysRoot::open(host).unwrap().taped();
    virtfn_observe::host(&root, &Look::at(facets)).unwrap();
    root.into_tape().unwrap().write(&file).unwrap();
    file
}

/// The line `summary: 12345` (`totals:` in some versions).
fn total_instructions(report: &str) -> f64 {
    let total = |line: &str| {
        line.strip_prefix("summary:")
            .or_else(|| line.strip_prefix("totals:"))
            .map(str::trim)
            .map(str::to_owned)
    };
    report.lines().find_map(total).unwrap().parse().unwrap()
}
