//! The topology as text and as pictures, on recorded, hostile and large hosts.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use support::{all_hosts, big_host, on, recorded, run, xml};
use tempfile::TempDir;

/// Draws a host, and gives the file's text.
fn drawn(root: &Path, words: &[&str], kind: &str) -> String {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("picture");
    let mut all = vec!["topology", "--root", root.to_str().unwrap(), kind, file.to_str().unwrap()];
    all.extend(words);
    let ran = run(&all);
    assert!(matches!(ran.code, Some(0 | 5)), "{words:?}: {}{}", ran.out, ran.err);
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
    fs::read_to_string(file).unwrap()
}

/// The elements of a picture or page, which must be well-formed and need nothing from elsewhere.
fn elements(text: &str) -> Vec<String> {
    let body = text.strip_prefix("<!DOCTYPE html>\n").unwrap_or(text);
    let own = body.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for foreign in ["http:", "https:", "url(", "@import", "src=", "href=", "<script", "onload"] {
        assert!(!own.contains(foreign), "{foreign}");
    }
    xml::elements(body).unwrap_or_else(|wrong| panic!("{wrong}"))
}

#[test]
fn the_tree_of_recorded_hosts() {
    for host in ["intel-switch", "intel-pci-bridge", "intel-off", "noiommu"] {
        let ran = on(host, &["topology"]);
        assert_eq!(ran.err, "", "{host}");
        insta::assert_snapshot!(format!("topology-{host}"), ran.out);
    }
}

#[test]
fn every_recorded_host_can_be_drawn() {
    for host in all_hosts() {
        for kind in ["--svg", "--html"] {
            let text = drawn(&recorded(&host), &[], kind);
            let names = elements(&text);
            let boxes = names.iter().filter(|name| *name == "g").count();
            let functions = on(&host, &["list", "--all"]).out.lines().count();
            assert!(boxes > 5 && boxes <= functions + 2, "{host}: {boxes} boxes");
        }
    }
}

/// The link above a port without ACS is drawn broken once, with its sentence in the group's
/// enclosure.
#[test]
fn the_link_where_isolation_ends_is_broken() {
    let svg = drawn(&recorded("intel-rp-noacs"), &["01:00.0"], "--svg");
    assert_eq!(svg.matches("class=\"halo\"").count(), 2, "one in the picture, one in its key");
    assert!(svg.contains("Isolation ends here:") && svg.contains("Root port has no ACS"), "{svg}");
    assert!(svg.contains("group 1<"), "{svg}");
    let well = drawn(&recorded("intel-default"), &["01:00.0"], "--svg");
    assert!(!well.contains("class=\"halo\"") && !well.contains("Isolation ends"), "{well}");
}

#[test]
fn what_was_asked_about_is_shown_with_its_way_to_the_root() {
    let ran = on("intel-switch", &["topology", "04:00.0"]);
    for shown in ["00:01.0", "01:00.0", "02:01.0", "04:00.0", "04:10.4"] {
        assert!(ran.out.contains(shown), "{shown}: {}", ran.out);
    }
    for hidden in ["03:00.0", "02:00.0", "00:1f.0"] {
        assert!(!ran.out.contains(hidden), "{hidden}: {}", ran.out);
    }
}

#[test]
fn many_vfs_are_one_box_that_opens() {
    let folder = TempDir::new().unwrap();
    big_host::write(folder.path(), 2).unwrap();
    let root = folder.path();
    let text = |words: &[&str]| {
        run(&[&["topology", "--root", root.to_str().unwrap()], words].concat()).out
    };
    let (brief, all, one) = (text(&[]), text(&["--all"]), text(&["00:00.0"]));
    assert!(brief.contains("256 VFs") && brief.lines().count() < 12, "{brief}");
    assert_eq!(all.lines().filter(|line| line.contains("VF ")).count(), 512);
    assert!(one.contains("VF 255") && !one.contains("04:00.0"), "{one}");
    let (svg, html) = (drawn(root, &[], "--svg"), drawn(root, &[], "--html"));
    assert_eq!(elements(&svg).iter().filter(|name| *name == "g").count(), 2 * 3);
    let page = elements(&html);
    assert_eq!(page.iter().filter(|name| *name == "details").count(), 2 * 2);
    assert!(html.contains("<div>05:0f.7  VF 255"), "the VFs are in the page");
}

/// A chip's own functions are one box too, unless somebody asks: a server has hundreds.
#[test]
fn a_chips_own_functions_are_folded() {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("sys/bus/pci/devices")).unwrap();
    for (number, class) in [(0, "0x088000"), (1, "0x110100"), (2, "0x088000"), (3, "0x050000")] {
        let name = format!("0000:00:0{number}.0");
        let device = folder.path().join("sys/devices/pci0000:00").join(&name);
        fs::create_dir_all(&device).unwrap();
        for (file, value) in [("vendor", "0x8086"), ("device", "0x2021"), ("class", class)] {
            fs::write(device.join(file), value).unwrap();
        }
        let link = folder.path().join("sys/bus/pci/devices").join(&name);
        symlink(format!("../../../devices/pci0000:00/{name}"), link).unwrap();
    }
    let root = folder.path().to_str().unwrap();
    let folded = run(&["topology", "--root", root]).out;
    assert!(folded.contains("4 system functions") && !folded.contains("00:02.0"), "{folded}");
    let all = run(&["topology", "--all", "--root", root]).out;
    assert!(all.contains("00:02.0") && !all.contains("system functions"), "{all}");
}

/// Twice the functions, twice the bytes: nothing grows faster.
#[test]
fn pictures_grow_with_the_functions() {
    let folders = [1, 2, 4].map(|pfs| {
        let folder = TempDir::new().unwrap();
        big_host::write(folder.path(), pfs).unwrap();
        folder
    });
    for kind in ["--svg", "--html"] {
        for words in [&[][..], &["--all"]] {
            let sizes = folders.each_ref().map(|folder| drawn(folder.path(), words, kind).len());
            assert!(sizes[1] * 10 < sizes[0] * 21, "{kind} {words:?}: {sizes:?}");
            assert!(sizes[2] * 10 < sizes[1] * 21, "{kind} {words:?}: {sizes:?}");
        }
    }
}

const HOSTILE: &str = "<img src=x onerror='alert(1)'>\"&amp;\u{1b}[2J\u{202e}]]>";

/// Names from the machine are text, whatever they hold.
#[test]
fn nothing_from_a_machine_becomes_markup() {
    let folder = TempDir::new().unwrap();
    let device = folder.path().join("sys/devices/pci0000:00/0000:00:01.0");
    fs::create_dir_all(device.join("net").join(HOSTILE)).unwrap();
    fs::create_dir_all(folder.path().join("sys/bus/pci/devices")).unwrap();
    for (name, value) in
        [("vendor", "0x8086"), ("device", "0x10c9"), ("class", "0x020000"), ("sriov_totalvfs", "7")]
    {
        fs::write(device.join(name), value).unwrap();
    }
    symlink(format!("../../x/{HOSTILE}"), device.join("driver")).unwrap();
    let entry = folder.path().join("sys/bus/pci/devices/0000:00:01.0");
    symlink("../../../devices/pci0000:00/0000:00:01.0", entry).unwrap();
    for kind in ["--svg", "--html"] {
        let text = drawn(folder.path(), &[], kind);
        let names = elements(&text.replace("src=x", "").replace("onerror", ""));
        assert!(!names.contains(&"img".to_owned()), "{text}");
        assert!(text.contains("&lt;img") && !text.contains("<img"), "{text}");
    }
    let text = run(&["topology", "--root", folder.path().to_str().unwrap()]).out;
    assert!(text.contains("<img") && !text.contains(['\x1b', '\u{202e}']), "{text}");
}

#[test]
fn a_picture_is_written_whole_or_not_at_all() {
    let folder = TempDir::new().unwrap();
    let lost = folder.path().join("no/such/folder.svg");
    let ran = on("intel-default", &["topology", "--svg", lost.to_str().unwrap()]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("folder.svg: cannot be written: "), "{}", ran.err);
    let both = on("intel-default", &["topology", "--svg", "a", "--html", "b"]);
    assert_eq!(both.code, Some(2), "{}", both.err);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A report says what doctor says, the verdict first, and ends as it.
#[test]
fn a_report_has_the_verdict_the_picture_and_the_facts() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("report.html");
    for (host, code) in [("intel-default", 0), ("intel-switch", 1), ("noiommu", 1)] {
        let said = on(host, &["doctor"]).out;
        let ran = on(host, &["doctor", "--html", file.to_str().unwrap()]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(code), ""), "{host}");
        assert_eq!(ran.out.lines().next(), said.lines().next(), "{host}");
        let report = fs::read_to_string(&file).unwrap();
        let names = elements(&report);
        assert_eq!(names.iter().filter(|name| *name == "svg").count(), 1, "{host}");
        let failed = names.iter().any(|name| name == "section");
        assert_eq!(failed, code == 1 || said.contains("  !"), "{host}");
        let first = report.split("<h1>").nth(1).unwrap();
        assert!(first.starts_with(&ran.out.trim_end()[..20]), "{host}: {}", &first[..60]);
        for part in ["Command line", "Kernel", "Topology"] {
            assert!(report.contains(part), "{host}: {part}");
        }
    }
}

/// The pictures in docs are those that this program draws; `UPDATE=1` draws them anew.
#[test]
fn the_pictures_in_docs_are_up_to_date() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures");
    let path = folder.join("switch-without-acs.svg");
    let drawn = drawn(&recorded("intel-switch"), &["01:00.0"], "--svg");
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(&folder).unwrap();
        fs::write(&path, &drawn).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == drawn, "{}: out of date; UPDATE=1 draws it", path.display());
}
