//! Is a text well-formed XML? As strict as is needed to find what an escape forgot.

/// Checks elements, attributes and references; gives every element's name in order.
///
/// # Errors
/// With the first thing that is not well-formed, and the text around it.
pub fn elements(text: &str) -> Result<Vec<String>, String> {
    let mut rest = text;
    let (mut open, mut names): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    while let Some(at) = rest.find('<') {
        content(&rest[..at])?;
        let tag = &rest[at + 1..];
        let end = tag_end(tag).ok_or_else(|| about("a tag without an end", tag))?;
        let (inside, after) = (&tag[..end], &tag[end + 1..]);
        if let Some(name) = inside.strip_prefix('/') {
            let last = open.pop();
            if last.as_deref() != Some(name) {
                return Err(format!("</{name}> closes {last:?}"));
            }
        } else {
            let (inside, empty) =
                inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
            let name = inside.split_whitespace().next().unwrap_or_default().to_owned();
            attributes(&inside[name.len()..])?;
            names.push(name.clone());
            if !empty {
                open.push(name);
            }
        }
        rest = after;
    }
    content(rest)?;
    if open.is_empty() { Ok(names) } else { Err(format!("not closed: {open:?}")) }
}

/// Where a tag ends, quoted values skipped.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quoted = false;
    tag.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b'>' && !quoted
    })
}

fn attributes(text: &str) -> Result<(), String> {
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").ok_or_else(|| about("no attribute", rest))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-:".contains(c);
        if name.is_empty() || !name.chars().all(plain) {
            return Err(about("no name of an attribute", name));
        }
        let (value, after) = after.split_once('"').ok_or_else(|| about("no end", after))?;
        content(value)?;
        rest = after.trim_start();
    }
    Ok(())
}

fn content(text: &str) -> Result<(), String> {
    if let Some(c) = text.chars().find(|c| c.is_control() && *c != '\n') {
        return Err(format!("a control character: {c:?}"));
    }
    for (at, _) in text.match_indices('&') {
        let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
        if !known.iter().any(|known| text[at..].starts_with(known)) {
            return Err(about("no reference", &text[at..]));
        }
    }
    if text.contains('<') { Err(about("a bare <", text)) } else { Ok(()) }
}

fn about(what: &str, text: &str) -> String {
    format!("{what}: {}", text.chars().take(60).collect::<String>())
}
