//! Sections of keys, as systemd, NetworkManager and OpenStack write them.

/// One section, in the order of the file. Sections of one name may stand there more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section<'a> {
    pub(crate) name: &'a str,
    /// The line of its heading; 0 for what stands before any.
    pub(crate) line: u32,
    pub(crate) entries: Vec<Entry>,
}

/// One `key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) line: u32,
}

/// Reads sections. Comments begin a line with `#` or `;`; a value goes on in the next line after a
/// backslash. Whatever is no `key=value` is passed over.
pub(crate) fn parse(text: &str) -> Vec<Section<'_>> {
    let mut sections = vec![Section { name: "", line: 0, entries: Vec::new() }];
    let mut lines = crate::numbered(text);
    while let Some((number, line)) = lines.next() {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            sections.push(Section { name: name.trim(), line: number, entries: Vec::new() });
            continue;
        }
        let mut whole = line.to_owned();
        while whole.ends_with('\\') {
            whole.pop();
            let Some((_, next)) = lines.next() else { break };
            whole.push(' ');
            whole.push_str(next.trim());
        }
        if let (Some((key, value)), Some(section)) = (whole.split_once('='), sections.last_mut()) {
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            section.entries.push(Entry { key, value, line: number });
        }
    }
    sections
}

impl Section<'_> {
    /// The last value of a key, which is the one that counts.
    pub(crate) fn last(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.key == key)
    }
}

/// The words of a value that is a list.
pub(crate) fn words(value: &str) -> Vec<String> {
    value.split([' ', '\t', ',', ';']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A switch as systemd and NetworkManager write it.
pub(crate) fn is_on(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "yes" | "true" | "on" | "y" | "t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_keep_their_lines() {
        let text = "# x\n[A]\nk = v \\\n  w\n; c\n[B]\nnothing\nk=1\nk=2\n[A]\n";
        let sections = parse(text);
        let names: Vec<_> = sections.iter().map(|one| (one.name, one.line)).collect();
        assert_eq!(names, [("", 0), ("A", 2), ("B", 6), ("A", 10)]);
        let entry = &sections[1].entries[0];
        assert_eq!((entry.key.as_str(), entry.value.as_str(), entry.line), ("k", "v  w", 3));
        assert_eq!(sections[2].last("k").map(|entry| entry.value.as_str()), Some("2"));
        assert_eq!(parse("k=v\\").len(), 1);
    }
}
