//! apt's own configuration: which archives this machine uses, and a further suite from the same.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use super::apt;

/// Where the added suite goes; deleting the file takes it back.
const ADDED: &str = "/etc/apt/sources.list.d/virtfn-backports.sources";

/// One archive of the machine, as far as a further suite from it needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Archive {
    uris: String,
    suites: Vec<String>,
    signed_by: Option<String>,
}

/// Adds `suite` from the archive that serves `codename` on this machine, with the same key.
///
/// # Errors
/// When no configured archive serves `codename`, or the file cannot be written as root.
pub(super) fn add_suite(codename: &str, suite: &str) -> Result<()> {
    let archives = read_archives(Path::new("/etc/apt"))?;
    let Some(archive) = archives.iter().find(|a| a.suites.iter().any(|s| s == codename)) else {
        bail!("no archive in /etc/apt serves {codename}, so none can serve {suite}");
    };
    write_as_root(ADDED, &archive.stanza_for(suite))
}

impl Archive {
    /// The deb822 stanza for another suite of this archive.
    fn stanza_for(&self, suite: &str) -> String {
        let signed_by = self.signed_by.as_ref().map(|key| format!("Signed-By:{key}\n"));
        format!(
            "# Written by `cargo xtask setup` of virtfn, for QEMU; delete it at will.\n\
             Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\n{}",
            self.uris,
            signed_by.unwrap_or_default()
        )
    }
}

fn read_archives(etc_apt: &Path) -> Result<Vec<Archive>> {
    let mut archives = Vec::new();
    if let Ok(text) = fs::read_to_string(etc_apt.join("sources.list")) {
        archives.extend(parse_one_line_style(&text));
    }
    let parts = etc_apt.join("sources.list.d");
    for entry in fs::read_dir(&parts).with_context(|| parts.display().to_string())? {
        let path = entry?.path();
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("list") => archives.extend(parse_one_line_style(&text)),
            Some("sources") => archives.extend(parse_deb822(&text)),
            _ => {}
        }
    }
    Ok(archives)
}

/// `deb [signed-by=KEY] URI SUITE COMPONENT…`, see sources.list(5).
fn parse_one_line_style(text: &str) -> Vec<Archive> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Archive> {
    let rest = line.trim().strip_prefix("deb ")?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    Some(Archive {
        uris: words.next()?.to_owned(),
        suites: vec![words.next()?.to_owned()],

        signed_by: options
            .split_whitespace()
            .find_map(|option| option.strip_prefix("signed-by="))
            .map(|key| format!(" {key}")),
    })
}

/// Stanzas of `Key: value` lines with indented continuations, see sources.list(5).
fn parse_deb822(text: &str) -> Vec<Archive> {
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let stanzas = lines.split(|line| line.trim().is_empty());
    stanzas.filter_map(parse_stanza).collect()
}

fn parse_stanza(lines: &[&str]) -> Option<Archive> {
    let field = |key: &str| -> Option<String> {
        let prefix = format!("{}:", key.to_ascii_lowercase());
        let at = lines.iter().position(|l| l.to_ascii_lowercase().starts_with(&prefix))?;
        let continued = lines[at + 1..].iter().take_while(|line| line.starts_with([' ', '\t']));
        let mut value = lines[at].get(prefix.len()..)?.to_owned();
        for line in continued {
            value.push('\n');
            value.push_str(line);
        }
        Some(value)
    };
    let enabled = field("Enabled").is_none_or(|value| value.trim() != "no");
    let binary = field("Types")?.split_whitespace().any(|kind| kind == "deb");
    (enabled && binary).then_some(())?;
    Some(Archive {
        uris: field("URIs")?.trim().to_owned(),
        suites: field("Suites")?.split_whitespace().map(str::to_owned).collect(),

        signed_by: field("Signed-By"),
    })
}

fn write_as_root(path: &str, text: &str) -> Result<()> {
    let mut tee = apt::as_root("tee")?
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("cannot start tee")?;
    if let Some(mut input) = tee.stdin.take() {
        input.write_all(text.as_bytes())?;
    }
    let status = tee.wait()?;
    if !status.success() {
        bail!("cannot write {path}: {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stanza_gives_another_suite_with_the_same_key() {
        let text = "# by hand\nTypes: deb\n# mirror\nURIs: http://archive.example/debian\n\
                    Suites: bookworm bookworm-updates\nComponents: main\n\
                    Signed-By: /usr/share/keyrings/key.gpg\n\nTypes: deb-src\nURIs: http://x\n\
                    Suites: bookworm\nComponents: main\n";
        let archives = parse_deb822(text);
        assert_eq!(archives.len(), 1);
        assert_eq!(archives[0].suites, ["bookworm", "bookworm-updates"]);
        let stanza = archives[0].stanza_for("bookworm-backports");
        assert!(stanza.ends_with(
            "Types: deb\nURIs: http://archive.example/debian\nSuites: bookworm-backports\n\
             Components: main\nSigned-By: /usr/share/keyrings/key.gpg\n"
        ));
    }

    #[test]
    fn an_inline_key_keeps_its_lines() {
        let text = "Types: deb\nURIs: http://a\nSuites: sid\nSigned-By:\n -----BEGIN\n .\n abc\n";
        let archives = parse_deb822(text);
        assert_eq!(archives[0].signed_by.as_deref(), Some("\n -----BEGIN\n .\n abc"));
        let again = parse_deb822(&archives[0].stanza_for("sid-backports"));
        assert_eq!(again[0].signed_by, archives[0].signed_by);
    }

    #[test]
    fn the_old_style_is_read_too() {
        let text = "# deb http://no bookworm main\n\
                    deb [arch=amd64 signed-by=/key.gpg] http://a/debian bookworm main contrib\n\
                    deb http://b/debian bookworm-updates main\ndeb-src http://c bookworm main\n";
        let archives = parse_one_line_style(text);
        assert_eq!(archives.len(), 2);
        assert_eq!(archives[0].uris, "http://a/debian");
        assert_eq!(archives[0].signed_by.as_deref(), Some(" /key.gpg"));
        assert_eq!(archives[1].signed_by, None);
    }

    #[test]
    fn a_disabled_stanza_serves_nothing() {
        assert!(parse_deb822("Enabled: no\nTypes: deb\nURIs: http://a\nSuites: sid\n").is_empty());
    }
}
