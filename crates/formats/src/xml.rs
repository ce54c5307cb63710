//! The tags of an XML document, one after another: as much of XML as it takes to find an attribute.
//!
//! No namespaces or declarations; text between tags is given with the tag before it, entities as
//! they stand there ([`unescaped`] reads those that every document has).

use std::borrow::Cow;

/// One tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    /// Its name; with a slash in front when it closes.
    pub(crate) name: &'a str,
    /// What stands in it behind the name.
    inside: &'a str,
    /// The text up to the next tag.
    pub(crate) text: &'a str,
    /// Does it close itself?
    pub(crate) is_empty: bool,
    /// The line it begins on.
    pub(crate) line: u32,
}

/// Every tag, comments and declarations left out.
pub(crate) fn tags(text: &str) -> impl Iterator<Item = Tag<'_>> {
    let mut rest = text;
    let mut line = 1;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find('<')?;
            line += newlines(&rest[..start]);
            rest = &rest[start..];
            let is_comment = rest.starts_with("<!--");
            let end = if is_comment { rest.find("-->")? + 3 } else { rest.find('>')? + 1 };
            let (tag, at) = (&rest[..end], line);
            line += newlines(tag);
            rest = &rest[end..];
            if is_comment || tag.starts_with("<!") || tag.starts_with("<?") {
                continue;
            }
            let inside = tag[1..tag.len() - 1].trim();
            let is_empty = inside.ends_with('/');
            let inside = inside.trim_end_matches('/');
            let (name, inside) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
            let text = &rest[..rest.find('<').unwrap_or(rest.len())];
            return Some(Tag { name, inside, text: text.trim(), is_empty, line: at });
        }
    })
}

/// A text or value with the five entities that need no declaration.
pub(crate) fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&apos;", "'"), ("&quot;", "\"")];
    let text = named.iter().fold(text.to_owned(), |text, (name, one)| text.replace(name, one));
    // Last, so that nothing is read twice.
    Cow::Owned(text.replace("&amp;", "&"))
}

fn newlines(text: &str) -> u32 {
    u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX)
}

impl<'a> Tag<'a> {
    /// An attribute's value.
    pub(crate) fn attribute(&self, name: &str) -> Option<&'a str> {
        let mut rest = self.inside;
        loop {
            let (key, after) = rest.split_once('=')?;
            let after = after.trim_start();
            let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
            let (value, next) = after[1..].split_once(quote)?;
            if key.trim() == name {
                return Some(value);
            }
            rest = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_names_attributes_and_lines() {
        let text = "<?xml version='1.0'?>\n<a b='1'  c = \"2 3\">t</a>\n<!-- <x/> -->\n<d/>";
        let all: Vec<_> = tags(text).collect();
        let names: Vec<_> = all.iter().map(|tag| (tag.name, tag.line, tag.is_empty)).collect();
        assert_eq!(names, [("a", 2, false), ("/a", 2, false), ("d", 4, true)]);
        assert_eq!((all[0].attribute("b"), all[0].attribute("c")), (Some("1"), Some("2 3")));
        assert_eq!((all[0].attribute("x"), all[0].text), (None, "t"));
        for text in ["<", "<a", "<>", "<!--", "<a b=>", "<a b='>", "</>"] {
            assert!(tags(text).all(|tag| tag.attribute("b").is_none()), "{text}");
        }
    }

    #[test]
    fn entities_are_read_once() {
        assert_eq!(unescaped("a&amp;b&lt;c&quot;"), "a&b<c\"");
        assert_eq!(unescaped("&amp;lt;"), "&lt;");
        assert_eq!(unescaped("plain & simple"), "plain & simple");
    }
}
