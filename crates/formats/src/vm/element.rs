//! One writer for all XML: as libvirt prints it.
//!
//! Attributes in single quotes, two spaces a level, one element a line, `<a/>` for what has nothing
//! in it (libvirt: src/util/virbuffer.c, `virBufferEscapeString` for what is escaped).

use std::borrow::Cow;
use std::fmt::{self, Display};

use virtfn_pci::Address;

/// An element with its attributes and what is in it.
///
/// ```
/// use virtfn_formats::vm::Element;
///
/// let vlan = Element::new("vlan").child(Element::new("tag").attribute("id", 42));
/// assert_eq!(vlan.to_string(), "<vlan>\n  <tag id='42'/>\n</vlan>\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    inside: Inside,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Inside {
    Text(String),
    Children(Vec<Child>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Child {
    Element(Element),
    /// Well-formed XML that somebody else wrote.
    Verbatim(String),
}

impl Element {
    /// An element without anything in it.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), inside: Inside::Children(Vec::new()) }
    }

    /// The same with one more attribute.
    #[must_use]
    pub fn attribute(mut self, name: &'static str, value: impl Display) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    /// The same with one more attribute, where it has a value.
    #[must_use]
    pub fn attribute_if(self, name: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.attribute(name, value),
            None => self,
        }
    }

    /// The same with this text in it, and nothing else; an empty one is none.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.inside = Inside::Text(text);
        }
        self
    }

    /// The same with one more element in it, behind the others.
    #[must_use]
    pub fn child(self, child: Self) -> Self {
        self.push(Child::Element(child))
    }

    /// The same with these elements in it, behind the others.
    #[must_use]
    pub fn children(self, children: impl IntoIterator<Item = Self>) -> Self {
        children.into_iter().fold(self, Self::child)
    }

    /// The same with well-formed XML that somebody else wrote, behind the others.
    #[must_use]
    pub(crate) fn verbatim(self, xml: &str) -> Self {
        self.push(Child::Verbatim(xml.to_owned()))
    }

    fn push(mut self, child: Child) -> Self {
        match &mut self.inside {
            Inside::Children(children) => children.push(child),
            Inside::Text(_) => self.inside = Inside::Children(vec![child]),
        }
        self
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: usize) -> fmt::Result {
        write!(f, "{:indent$}<{}", "", self.name)?;
        for (name, value) in &self.attributes {
            write!(f, " {name}='{}'", escaped(value))?;
        }
        match &self.inside {
            Inside::Text(text) => writeln!(f, ">{}</{}>", escaped(text), self.name),
            Inside::Children(children) if children.is_empty() => writeln!(f, "/>"),
            Inside::Children(children) => {
                writeln!(f, ">")?;
                for child in children {
                    match child {
                        Child::Element(element) => element.write(f, indent + 2)?,
                        Child::Verbatim(xml) => writeln!(f, "{:1$}{xml}", "", indent + 2)?,
                    }
                }
                writeln!(f, "{:indent$}</{}>", "", self.name)
            }
        }
    }
}

impl Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

/// An address as libvirt writes it: `domain='0x0000' bus='0x0b' slot='0x10' function='0x0'`; with
/// `type='pci'` before it where the kind of address is open.
pub(crate) fn address(address: Address, kind: Option<&'static str>) -> Element {
    Element::new("address")
        .attribute_if("type", kind)
        .attribute("domain", format!("0x{:04x}", address.domain()))
        .attribute("bus", format!("0x{:02x}", address.bus()))
        .attribute("slot", format!("0x{:02x}", address.device()))
        .attribute("function", format!("0x{}", address.function()))
}

/// Text that nobody takes for markup. Control characters, which no XML can hold, are left out.
fn escaped(text: &str) -> Cow<'_, str> {
    let plain = |c: char| !matches!(c, '<' | '>' | '"' | '\'' | '&') && !is_no_xml(c);
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars().filter(|c| !is_no_xml(*c)) {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '&' => safe.push_str("&amp;"),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// XML 1.0, production 2.
const fn is_no_xml(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_written_as_libvirt_does() {
        let given = "0000:0b:10.0".parse().unwrap();
        let whole = Element::new("source")
            .child(address(given, Some("pci")))
            .child(Element::new("name").text("a<b> & 'c'\u{7}"))
            .child(Element::new("name").text(""));
        assert_eq!(
            whole.to_string(),
            "<source>\n  \
             <address type='pci' domain='0x0000' bus='0x0b' slot='0x10' function='0x0'/>\n  \
             <name>a&lt;b&gt; &amp; &apos;c&apos;</name>\n  <name/>\n</source>\n"
        );
        let vmd = address("10000:e1:1f.7".parse().unwrap(), None).to_string();
        assert_eq!(vmd, "<address domain='0x10000' bus='0xe1' slot='0x1f' function='0x7'/>\n");
    }
}
