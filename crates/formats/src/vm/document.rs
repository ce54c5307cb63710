//! XML as a tree in which every element knows where it stands.

use std::ops::Range;
use std::str::FromStr;

use roxmltree::{Document, Node, ParsingOptions};
use virtfn_pci::Address;

use super::broken;
use crate::MAX_FILE_BYTES;
use crate::fault::{At, Fault};

/// A domain with hundreds of devices has some thousand elements.
const MAX_NODES: u32 = 100_000;

/// A text and its tree.
pub(super) struct Xml<'a> {
    pub(super) text: &'a str,
    pub(super) document: Document<'a>,
}

impl<'a> Xml<'a> {
    /// Reads a text.
    ///
    /// # Errors
    /// Where it is not well-formed, and what to write; where it is too large.
    pub(super) fn parse(text: &'a str) -> Result<Self, Fault> {
        if text.len() > MAX_FILE_BYTES {
            return Err(Fault::new(At::default(), "too large: nobody's device or domain is"));
        }
        let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
        match Document::parse_with_options(text, options) {
            Ok(document) => Ok(Self { text, document }),
            Err(error) => Err(broken::diagnose(text, &error)),
        }
    }

    /// A fault of what stands there.
    pub(super) fn fault(&self, range: Range<usize>, why: impl Into<String>) -> Fault {
        Fault::new(at(self.text, range), why)
    }

    /// A fault of an element: its start tag is marked.
    pub(super) fn fault_of(&self, node: Node<'_, '_>, why: impl Into<String>) -> Fault {
        self.fault(self.start_tag(node), why)
    }

    /// The start tag of an element, without what is in the element.
    fn start_tag(&self, node: Node<'_, '_>) -> Range<usize> {
        let whole = node.range();
        let from = node.attributes().map(|one| one.range().end).max().unwrap_or(whole.start);
        let rest = self.text.get(from..whole.end).unwrap_or_default();
        let length = rest.find('>').map_or(0, |end| end + 1);
        whole.start..from + length
    }

    /// An attribute by the name that it has here, if it is there, read as a value.
    ///
    /// # Errors
    /// When its value is none.
    pub(super) fn value<T>(&self, node: Node<'_, '_>, name: &str) -> Result<Option<T>, Fault>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        self.value_by(node, name, |text| text.parse().map_err(|error: T::Err| error.to_string()))
    }

    /// The same, with a reader of its own.
    ///
    /// # Errors
    /// When its value is none.
    pub(super) fn value_by<T>(
        &self,
        node: Node<'_, '_>,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Fault> {
        let Some(attribute) = node.attribute_node(name) else { return Ok(None) };
        read(attribute.value()).map(Some).map_err(|why| self.fault(attribute.range_value(), why))
    }

    /// The PCI address in an `<address>`; a domain that is left out is 0, and so is a function.
    ///
    /// # Errors
    /// When a part is no number or out of range, or bus or slot is not there.
    pub(super) fn address(&self, node: Node<'_, '_>) -> Result<Address, Fault> {
        let part = |name: &str, most: u32, needed: bool| {
            let value = self.value_by(node, name, |text| number_up_to(text, name, most))?;
            match value {
                None if needed => Err(self
                    .fault_of(node, format!("an address without `{name}`"))
                    .hint(Some(ADDRESS.into()))),
                value => Ok(value.unwrap_or(0)),
            }
        };
        let domain = part("domain", u32::MAX, false)?;
        let (bus, slot) = (part("bus", 0xff, true)?, part("slot", 0x1f, true)?);
        let function = part("function", 7, false)?;
        let byte = |value: u32| u8::try_from(value).unwrap_or(u8::MAX);
        Address::new(domain, byte(bus), byte(slot), byte(function))
            .ok_or_else(|| self.fault_of(node, "no PCI address"))
    }
}

/// What an address looks like.
pub(super) const ADDRESS: &str =
    "write <address type='pci' domain='0x0000' bus='0x0b' slot='0x10' function='0x0'/>";

fn number_up_to(text: &str, name: &str, most: u32) -> Result<u32, String> {
    let value = number(text).ok_or_else(|| {
        format!("`{text}` is no number: `{name}` is decimal, or hexadecimal with 0x in front")
    })?;
    if value <= most {
        return Ok(value);
    }
    // The commonest slip: lspci's hexadecimal digits without the 0x.
    let hex = u32::from_str_radix(text, 16).ok().filter(|hex| *hex <= most);
    let meant = hex.map_or(String::new(), |hex| format!("; 0x{text} would be {hex}"));
    Err(format!("`{name}` is {value}, and goes up to {most} (0x{most:x}){meant}"))
}

/// A number as libvirt reads it in an address: C's base 0 (`virXMLPropUInt` with base 0). `11` is
/// eleven, `0x0b` is eleven too, and `011` is octal: nine.
pub(crate) fn number(text: &str) -> Option<u32> {
    let text = text.trim_start();
    let (digits, base) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    // Rust would take a sign in front.
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u32::from_str_radix(digits, base).ok())?
}

/// The elements in a node, in their order.
pub(super) fn elements<'a, 'input>(
    node: Node<'a, 'input>,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(Node::is_element)
}

/// The first element of a name in a node.
pub(super) fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    elements(node).find(|child| child.has_tag_name(name))
}

/// The text in an element of a name in a node, without space around it.
pub(super) fn text_of<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name)?.text().map(str::trim)
}

/// Where bytes of a text stand.
pub(super) fn at(text: &str, bytes: Range<usize>) -> At {
    let before = text.get(..bytes.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    At { bytes, line: number(line), column: number(column) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (text, value) in [
            ("11", Some(11)),
            ("0x0b", Some(11)),
            ("0X0B", Some(11)),
            ("011", Some(9)),
            ("0", Some(0)),
            ("08", None),
            ("0b", None),
            ("0x", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1 ", None),
            ("é", None),
        ] {
            assert_eq!(number(text), value, "{text}");
        }
    }

    #[test]
    fn places_are_counted_in_characters() {
        let text = "é\nàb";
        let place = at(text, text.find('b').unwrap()..text.len());
        assert_eq!((place.line, place.column), (2, 2));
        assert_eq!((at("", 0..0).line, at("", 9..9).column), (1, 1));
    }
}
