//! Text inside XML and HTML. Whatever a machine says of itself passes [`escape`] before it gets
//! there.

use crate::words::plain;

/// `text` as the content of an element or of a quoted attribute, in XML and HTML alike. Control
/// characters, and those that XML cannot hold, become U+FFFD.
#[must_use]
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // XML 1.0 §2.2: no character of a document.
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_markup() {
        for (text, escaped) in [
            ("eth0", "eth0"),
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("\" onload='x' &amp;", "&quot; onload=&#39;x&#39; &amp;amp;"),
            ("]]>", "]]&gt;"),
            ("a\u{0}b\u{1b}[2J\u{202e}\u{ffff}\n", "a\u{fffd}b\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}"),
            ("größe ✓", "größe ✓"),
        ] {
            assert_eq!(escape(text), escaped);
        }
    }
}
