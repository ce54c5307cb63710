//! What `virtfn doctor --for vm` and `virt-host-validate qemu` say of each machine of the lab is what
//! the page says that they say.

use std::collections::BTreeSet;
use std::fs;

use virtfn_lab::{self as lab, Topology};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compare-virt-host-validate.md");
const BEGIN: &str = "<!-- begin: written by the lab -->\n";
const END: &str = "<!-- end: written by the lab -->";
/// Without `--all`: a machine of which both say the same, and one of which they do not.
const SAMPLE: [&str; 2] = ["iommu-off", "virtio-iommu"];
/// Above the checks that come out alike everywhere.
const ALIKE: &str = "On every machine `virt-host-validate` also says:\n\n";

/// The lab's processor has AMD's extensions whatever IOMMU is beside it, and the other program chooses
/// the table that it looks for by them: VT-d's machines show it Intel's.
const AS_INTEL: &str = "sed 's/ svm / vmx /' /proc/cpuinfo > /tmp/cpuinfo && \
     busybox mount -o bind /tmp/cpuinfo /proc/cpuinfo && grep -q ' vmx ' /proc/cpuinfo";

/// What was said of one machine.
struct Said {
    machine: String,
    about: String,
    /// The first sentence of virtfn's.
    verdict: String,
    /// The rules that fail.
    fails: BTreeSet<String>,
    /// The other program's lines: a check, and what became of it.
    checks: Vec<String>,
}

fn ask(topology: &Topology) -> Said {
    let guest = lab::boot_with_peers(&topology.name);
    guest.ok("modprobe -a kvm_amd vhost_net tun");
    if topology.expect.vfs_per_pf > 0 {
        guest.ok(&format!("virtfn create {} --vfs 2", topology.expect.pfs[0]));
    }
    let text = guest.run("virtfn doctor --for vm").stdout();
    let first = text.lines().next().unwrap_or_default();
    let told = guest.run("virtfn doctor --for vm --json").json();
    let findings = told["findings"].as_array().unwrap().iter();
    let failing = findings.filter(|finding| finding["verdict"] == "fail");
    if !topology.devices.iter().any(|device| device.starts_with("amd-iommu")) {
        guest.ok(AS_INTEL);
    }
    let other = guest.run("virt-host-validate qemu").stdout();
    let checks: Vec<String> = other.lines().filter_map(check).collect();
    assert!(checks.len() >= 5, "{}: {other}", topology.name);
    Said {
        machine: topology.name.clone(),
        about: sentence(&topology.about.split_whitespace().collect::<Vec<_>>().join(" ")),
        verdict: sentence(first),
        fails: failing.map(|one| one["rule"].as_str().unwrap().to_owned()).collect(),
        checks,
    }
}

/// Up to the first full stop that ends something.
fn sentence(text: &str) -> String {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.').to_owned()
}

/// `  QEMU: Checking for X      : PASS` as `X: PASS`.
fn check(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("Checking ")?;
    let rest = rest.trim_start_matches("for ").trim_start_matches("if ");
    let (what, outcome) = rest.split_once(" : ")?;
    Some(format!("{}: {}", what.trim(), outcome.trim()))
}

/// The row of a machine, without what comes out alike everywhere.
fn row(said: &Said, alike: &BTreeSet<String>) -> String {
    let own: Vec<&str> =
        said.checks.iter().filter(|check| !alike.contains(*check)).map(String::as_str).collect();
    let rules: String = said.fails.iter().map(|rule| format!("<br>`{rule}`")).collect();
    let own = own.join("<br>");
    format!("| `{}` | {} | {}{rules} | {own} |\n", said.machine, said.about, said.verdict)
}

/// The part of the page that is written.
fn written(all: &[Said]) -> String {
    let of = |said: &Said| said.checks.iter().cloned().collect::<BTreeSet<String>>();
    let first = all.first().map(of).unwrap_or_default();
    let alike: BTreeSet<String> =
        all.iter().fold(first, |alike, said| alike.intersection(&of(said)).cloned().collect());
    let mut text =
        String::from("| machine | what it is | virtfn | virt-host-validate |\n|---|---|---|---|\n");
    text.extend(all.iter().map(|said| row(said, &alike)));
    text.push_str(&format!("\n{ALIKE}"));
    text.extend(
        all[0].checks.iter().filter(|one| alike.contains(*one)).map(|one| format!("- {one}\n")),
    );
    text
}

/// The page before, in and after what is written.
fn page() -> [String; 3] {
    let text = fs::read_to_string(PAGE).unwrap();
    let (head, rest) = text.split_once(BEGIN).unwrap();
    let (table, tail) = rest.split_once(END).unwrap();
    [head, table, tail].map(str::to_owned)
}

#[test]
fn the_page_says_what_both_programs_say() {
    let machines = Topology::all().unwrap();
    let [head, table, tail] = page();
    if lab::thoroughly() {
        let all: Vec<Said> = machines.iter().map(ask).collect();
        let now = written(&all);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(PAGE, format!("{head}{BEGIN}{now}{END}{tail}")).unwrap();
        } else {
            assert_eq!(table, now, "to write it anew: UPDATE=1 cargo xtask lab test compare --all");
        }
        return;
    }
    let (_, list) = table.split_once(ALIKE).unwrap();
    let alike =
        list.lines().filter_map(|line| line.strip_prefix("- ")).map(str::to_owned).collect();
    for machine in machines.iter().filter(|one| SAMPLE.contains(&one.name.as_str())) {
        let said = ask(machine);
        let now = row(&said, &alike);
        assert!(table.contains(&now), "{now}is not in {PAGE}");
        assert!(alike.iter().all(|one| said.checks.contains(one)), "{:?}", said.checks);
    }
}

/// Cheap, and finds a machine that was added or renamed since.
#[test]
fn every_machine_has_its_row() {
    let [_, table, _] = page();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let listed: BTreeSet<String> = rows.map(|(name, _)| name.to_owned()).collect();
    let there: BTreeSet<String> =
        Topology::all().unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(listed, there, "UPDATE=1 cargo xtask lab test compare --all");
}
