//! Finds a rule by its name.

use virtfn_host::Nearest;

use crate::rule::Rule;
use crate::rules::RULES;

/// The rule with this id.
///
/// # Errors
/// When there is none, with the ids that could have been meant.
pub fn explain(id: &str) -> Result<&'static Rule, Nearest> {
    RULES.iter().find(|rule| rule.id == id).ok_or_else(|| Nearest {
        asked: id.chars().take(64).collect(),
        why: "there is no such rule".into(),
        nearest: nearest(id),
    })
}

/// Rules whose ids share words with `id`, or three letters of one.
fn nearest(id: &str) -> Vec<String> {
    let words = |text: &str| -> Vec<String> {
        let split = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() > 1);
        split.map(str::to_ascii_lowercase).take(8).collect()
    };
    let asked = words(id);
    let score = |rule: &&Rule| -> usize {
        let own = words(rule.id);
        asked.iter().map(|word| own.iter().map(|other| alike(word, other)).max().unwrap_or(0)).sum()
    };
    let mut ranked: Vec<_> =
        RULES.iter().map(|rule| (score(&rule), rule.id)).filter(|(score, _)| *score > 0).collect();
    ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    ranked.into_iter().take(3).map(|(_, id)| id.to_owned()).collect()
}

/// 4 for the same word, else the length of the common start from 2 letters on.
fn alike(a: &str, b: &str) -> usize {
    if a == b {
        return 4;
    }
    let common = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    if common >= 2 { common.min(3) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_found_by_its_id_alone() {
        for rule in RULES {
            assert_eq!(explain(rule.id).unwrap().id, rule.id);
        }
    }

    #[test]
    fn a_wrong_id_is_answered_with_what_could_be_meant() {
        for (asked, meant) in [
            ("acs", "acs-missing-on-path"),
            ("acs-mising-on-pth", "acs-missing-on-path"),
            ("iommu_off_in_kernel", "iommu-off-in-kernel"),
            ("interupt", "interrupt-remapping-off"),
        ] {
            assert_eq!(explain(asked).unwrap_err().nearest[0], meant);
        }
        assert!(explain("").unwrap_err().nearest.is_empty());
        assert!(explain(&"x".repeat(1 << 20)).unwrap_err().asked.len() == 64);
    }
}
