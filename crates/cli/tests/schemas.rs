//! The JSON Schemas and the pages of rules in docs are those of the code, and real documents fit
//! their schemas.
//! `UPDATE=1 cargo test -p virtfn-cli --test schemas` writes them anew.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::PathBuf;

use serde_json::Value;
use support::schema::misfits;
use virtfn_render::{
    apply::ApplyView,
    compare::Comparison,
    doctor::Doctor,
    exchange::{AdoptView, ExportView, ImportView},
    explain::Explain,
    groups::Groups,
    guest::Guest,
    handover::{AttachView, DetachView},
    install::InstallView,
    list::List,
    plan::PlanView,
    record::Record,
    schema::schema,
    show::Show,
    status::Status,
    topology::Topology,
    xml::{QemuArgsView, XmlView},
};

fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("virtfn.list.1", schema::<List>()),
        ("virtfn.show.1", schema::<Show>()),
        ("virtfn.guest.1", schema::<Guest>()),
        ("virtfn.groups.1", schema::<Groups>()),
        ("virtfn.topology.1", schema::<Topology>()),
        ("virtfn.compare.1", schema::<Comparison>()),
        ("virtfn.doctor.1", schema::<Doctor>()),
        ("virtfn.explain.1", schema::<Explain>()),
        ("virtfn.record.1", schema::<Record>()),
        ("virtfn.plan.1", schema::<PlanView>()),
        ("virtfn.apply.1", schema::<ApplyView>()),
        ("virtfn.attach.1", schema::<AttachView>()),
        ("virtfn.detach.1", schema::<DetachView>()),
        ("virtfn.install.1", schema::<InstallView>()),
        ("virtfn.status.1", schema::<Status>()),
        ("virtfn.policy.1", virtfn_formats::policy::schema()),
        ("virtfn.import.1", schema::<ImportView>()),
        ("virtfn.export.1", schema::<ExportView>()),
        ("virtfn.adopt.1", schema::<AdoptView>()),
        ("virtfn.xml.1", schema::<XmlView>()),
        ("virtfn.qemu-args.1", schema::<QemuArgsView>()),
    ]
}

fn of(name: &str) -> Value {
    all().into_iter().find(|(known, _)| *known == name).unwrap().1
}

#[test]
fn the_schemas_in_docs_are_up_to_date() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
    for (name, schema) in all() {
        let path = folder.join(format!("{name}.json"));
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == text, "{}: out of date; UPDATE=1 writes it", path.display());
    }
}

/// The pages of the rules in docs are those of the rules, and tell which of them the lab provokes.
#[test]
fn the_rules_in_docs_are_up_to_date() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules.md");
    let text = Explain::of(virtfn_doctor::RULES).markdown();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{}: out of date; UPDATE=1 writes it", path.display());
    for rule in virtfn_doctor::RULES {
        let page = Explain::of([rule]).pages();
        let proved = matches!(rule.provoked(), virtfn_doctor::Provoked::InLab(_));
        assert_eq!(page.contains("Not provoked on a running machine"), !proved, "{}", rule.id);
    }
}

fn check(name: &str, host: &str, words: &[&str]) {
    let mut words = words.to_vec();
    words.push("--json");
    let ran = support::on(host, &words);
    assert!(!ran.out.is_empty(), "{words:?} on {host}: {}", ran.err);
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(misfits(&of(name), &document), Vec::<String>::new(), "{words:?} on {host}");
}

#[test]
fn real_documents_fit_their_schemas() {
    for host in support::all_hosts() {
        check("virtfn.list.1", &host, &["list", "--all"]);
        check("virtfn.groups.1", &host, &["groups"]);
        check("virtfn.topology.1", &host, &["topology"]);
        check("virtfn.doctor.1", &host, &["doctor"]);
        for function in functions(&host) {
            check("virtfn.show.1", &host, &["show", &function]);
            check("virtfn.guest.1", &host, &["show", &function, "--guest"]);
        }
    }
}

#[test]
fn comparisons_fit_their_schema() {
    for (host, device) in [
        ("intel-default", "01:00.0"),
        ("intel-default", "02:00.0"),
        ("intel-switch", "03:00.0/1"),
        ("intel-pci-bridge", "03:02.0"),
        ("noiommu", "01:00.0"),
        ("virtio-iommu", "00:00.0"),
    ] {
        check("virtfn.compare.1", host, &["compare", device]);
    }
}

#[test]
fn configuration_fits_its_schemas() {
    check("virtfn.import.1", "intel-default", &["import", "live"]);
    check("virtfn.export.1", "intel-default", &["export", "netplan", "--live"]);
    check("virtfn.adopt.1", "intel-default", &["adopt", "01:00.0", "--dry-run"]);
}

#[test]
fn what_is_pasted_fits_its_schemas() {
    check("virtfn.xml.1", "intel-default", &["xml", "nodedev", "enp1s0"]);
    check("virtfn.xml.1", "intel-default", &["xml", "interface", "enp1s0/0"]);
    check("virtfn.qemu-args.1", "intel-default", &["qemu-args", "enp1s0/0", "01:00.0"]);
}

/// docs/formats.md is made of the table of formats.
#[test]
fn the_formats_in_docs_are_up_to_date() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats.md");
    let text = virtfn_cli::exchange::page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{}: out of date; UPDATE=1 writes it", path.display());
}

#[test]
fn the_rules_fit_their_schema() {
    let ran = support::run(&["explain", "--json"]);
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(misfits(&of("virtfn.explain.1"), &document), Vec::<String>::new());
}

fn functions(host: &str) -> Vec<String> {
    let list: Value = serde_json::from_str(&support::on(host, &["list", "--json"]).out).unwrap();
    let address = |function: &Value| function["address"].as_str().unwrap().to_owned();
    list["functions"].as_array().unwrap().iter().map(address).collect()
}

#[test]
fn a_recordings_report_fits_its_schema() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("host.tar.zst");
    check("virtfn.record.1", "intel-default", &["record", file.to_str().unwrap(), "--mask"]);
}

#[test]
fn the_check_finds_what_does_not_fit() {
    let list = support::on("intel-default", &["list", "--json"]).out;
    let whole: Value = serde_json::from_str(&list).unwrap();
    let changes: [fn(&mut Value); 4] = [
        |list| list["functions"][0]["kind"] = "bridge".into(),
        |list| list["functions"][0]["vendor"] = "8086".into(),
        |list| list["surplus"] = true.into(),
        |list| drop(list.as_object_mut().unwrap().remove("functions")),
    ];
    for change in changes {
        let mut broken = whole.clone();
        change(&mut broken);
        assert!(!misfits(&of("virtfn.list.1"), &broken).is_empty(), "{broken}");
    }
}
