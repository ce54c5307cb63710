//! The ACPI tables in which firmware describes its IOMMUs: DMAR (Intel), IVRS (AMD), IORT (Arm)
//! and VIOT (virtual machines).
//!
//! Bytes in, values out: nothing here does I/O, nothing panics, and every walk ends, whatever the
//! bytes. Real tables are often wrong somewhere; what is wrong is an [`Oddity`] beside what could
//! be read, with a sentence that says it.
//!
//! ```
//! let mut bytes = vec![0; 48];
//! bytes[..4].copy_from_slice(b"DMAR");
//! bytes[4] = 48; // its length
//! bytes[37] = 1; // interrupt remapping
//! let virtfn_acpi::Table::Dmar(dmar) = virtfn_acpi::parse(&bytes)? else { unreachable!() };
//! assert!(dmar.interrupt_remapping);
//! assert!(dmar.oddities.iter().any(|odd| odd.to_string().contains("no remapping unit")));
//! # Ok::<(), virtfn_acpi::NotATable>(())
//! ```

pub mod dmar;
mod header;
pub mod iort;
pub mod ivrs;
mod oddity;
mod records;
pub mod viot;

pub use dmar::Dmar;
pub use header::{Header, NotATable};
pub use iort::Iort;
pub use ivrs::Ivrs;
pub use oddity::Oddity;
pub use viot::Viot;

use records::Body;

/// A table, by its signature.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "table", rename_all = "snake_case")]
pub enum Table {
    /// Intel VT-d.
    Dmar(Dmar),
    /// AMD-Vi.
    Ivrs(Ivrs),
    /// Arm.
    Iort(Iort),
    /// Virtual machines.
    Viot(Viot),
    /// Another table, of which the header alone was read.
    Other {
        /// Its header.
        header: Header,
        /// What is odd about it.
        oddities: Vec<Oddity>,
    },
}

impl Table {
    /// The header every table has.
    #[must_use]
    pub fn header(&self) -> &Header {
        match self {
            Self::Dmar(table) => &table.header,
            Self::Ivrs(table) => &table.header,
            Self::Iort(table) => &table.header,
            Self::Viot(table) => &table.header,
            Self::Other { header, .. } => header,
        }
    }

    /// What is odd about it.
    #[must_use]
    pub fn oddities(&self) -> &[Oddity] {
        match self {
            Self::Dmar(table) => &table.oddities,
            Self::Ivrs(table) => &table.oddities,
            Self::Iort(table) => &table.oddities,
            Self::Viot(table) => &table.oddities,
            Self::Other { oddities, .. } => oddities,
        }
    }
}

/// Reads one table, as `/sys/firmware/acpi/tables/*` holds it (FACS, which has no such header,
/// apart). Linear in the number of bytes.
///
/// # Errors
/// [`NotATable`] when there are fewer bytes than a table's header has.
pub fn parse(bytes: &[u8]) -> Result<Table, NotATable> {
    let mut oddities = Vec::new();
    let (header, body) = Header::read(bytes, &mut oddities)?;
    let body = Body::new(body);
    Ok(match header.signature.as_str() {
        "DMAR" => Table::Dmar(Dmar::read(header, body, oddities)),
        "IVRS" => Table::Ivrs(Ivrs::read(header, body, oddities)),
        "IORT" => Table::Iort(Iort::read(header, body, oddities)),
        "VIOT" => Table::Viot(Viot::read(header, body, oddities)),
        _ => Table::Other { header, oddities },
    })
}
