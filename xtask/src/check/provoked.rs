//! Which of doctor's rules no machine of the lab has fired: only hosts written for them have.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// `virtfn.explain/1`, as far as it is needed here.
#[derive(Deserialize)]
struct Explain {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    id: String,
    provoked: Option<String>,
}

/// Asks the program itself for its rules, and prints those that were not provoked.
///
/// # Errors
/// When the program does not answer as `docs/schema/virtfn.explain.1.json` says.
pub(super) fn print(program: &Path) -> Result<()> {
    let told = Command::new(program).args(["explain", "--json"]).output();
    let told = told.with_context(|| program.display().to_string())?;
    ensure!(told.status.success(), "virtfn explain --json: {}", told.status);
    print!("{}", list(&told.stdout)?);
    Ok(())
}

fn list(document: &[u8]) -> Result<String> {
    let explain: Explain = serde_json::from_slice(document).context("virtfn explain --json")?;
    let count = explain.rules.len();
    let open: Vec<&str> = explain
        .rules
        .iter()
        .filter(|rule| rule.provoked.is_none())
        .map(|rule| rule.id.as_str())
        .collect();
    let mut text = format!(
        "{} of {count} rules not provoked in the lab, fired by fixtures alone:\n",
        open.len()
    );
    for rule in open {
        text += &format!("  {rule}\n");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_without_a_place_in_the_lab_are_listed() {
        let document = br#"{"schema": "virtfn.explain/1", "rules": [
            {"id": "seen", "provoked": "topology x", "page": ""},
            {"id": "unseen", "provoked": null, "page": ""}]}"#;
        let text = list(document).unwrap();
        assert_eq!(
            text,
            "1 of 2 rules not provoked in the lab, fired by fixtures alone:\n  unseen\n"
        );
        assert!(list(b"{}").is_err());
    }
}
