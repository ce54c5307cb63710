//! Paths below a root: relative, plain, and unable to leave it.

/// `base` with the link text `link` followed from it; `None` when that leaves the root.
///
/// Both are `/`-separated. `base` is the folder that holds the link.
#[must_use]
pub fn join(base: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = match link.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => components(base).collect(),
    };
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The parts of a path that name something.
pub(crate) fn components(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".")
}

/// The last part of a path or of a link's text.
#[must_use]
pub fn last(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

/// The folder that holds `path`.
#[must_use]
pub fn parent(path: &str) -> &str {
    path.trim_end_matches('/').rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_and_do_not_leave_the_root() {
        for (base, link, joined) in [
            (
                "sys/bus/pci/devices",
                "../../../devices/pci0000:00/0000:00:01.0",
                Some("sys/devices/pci0000:00/0000:00:01.0"),
            ),
            ("sys/bus", "/etc/passwd", Some("etc/passwd")),
            ("sys/bus", "../../../etc/passwd", None),
            ("", "a/./b//c", Some("a/b/c")),
        ] {
            assert_eq!(join(base, link).as_deref(), joined, "{base} {link}");
        }
        assert_eq!(last("../../bus/pci/drivers/igb"), "igb");
        assert_eq!(parent("sys/bus/pci"), "sys/bus");
    }
}
