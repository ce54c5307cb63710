//! Recorded hosts to judge.

use std::collections::BTreeSet;
use std::path::Path;

use virtfn_doctor::{Finding, Verdict};
use virtfn_host::Host;
use virtfn_kernel::SysRoot;
use virtfn_observe::Look;

/// The project.
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A recording.
pub(crate) fn read(path: &Path) -> Host {
    let root = SysRoot::open(path).unwrap();
    virtfn_observe::host(&root, &Look::everything()).unwrap()
}

/// A recording of the project's own.
pub(crate) fn fixture(name: &str) -> Host {
    read(&Path::new(ROOT).join(format!("fixtures/hosts/{name}.tar.zst")))
}

/// The rules with this verdict.
pub(crate) fn rules(findings: &[Finding], verdict: Verdict) -> BTreeSet<&'static str> {
    findings.iter().filter(|one| one.verdict == verdict).map(|one| one.rule).collect()
}
