//! The header that every table starts with (ACPI 6.5 §5.2.6).

use crate::oddity::Oddity;
use crate::records::Body;

/// Bytes of a table's header.
pub(crate) const LEN: usize = 36;

/// What every table says about itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Header {
    /// Four characters that name the table.
    pub signature: String,
    /// Bytes it says it has, this header included.
    pub length: u32,
    /// Revision of the table's layout.
    pub revision: u8,
    /// Whether its bytes add up to zero, as they must.
    pub checksum_ok: bool,
    /// Who made the firmware.
    pub oem_id: String,
    /// What they call the table.
    pub oem_table_id: String,
    /// Their revision of it.
    pub oem_revision: u32,
    /// Which tool made it.
    pub creator_id: String,
    /// The tool's revision.
    pub creator_revision: u32,
}

/// The bytes are no ACPI table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{length} bytes are no ACPI table: its header alone has 36")]
pub struct NotATable {
    length: usize,
}

impl Header {
    /// The header, and as many bytes of the table as there are and belong to it.
    pub(crate) fn read<'a>(
        bytes: &'a [u8],
        oddities: &mut Vec<Oddity>,
    ) -> Result<(Self, &'a [u8]), NotATable> {
        let there = bytes.len();
        let read = || {
            let body = Body::new(bytes);
            Some((body.u32(4)?, body.u8(8)?, body.u32(24)?, body.u32(32)?))
        };
        let (length, revision, oem_revision, creator_revision) =
            read().filter(|_| there >= LEN).ok_or(NotATable { length: there })?;
        let told = usize::try_from(length).unwrap_or(usize::MAX);
        if told != there {
            oddities.push(Oddity::Length { told: length, there });
        }
        // A length below the header's own would leave nothing to read: believe the file then.
        let table = if told < LEN { bytes } else { &bytes[..told.min(there)] };
        let sum = table.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
        if sum != 0 {
            oddities.push(Oddity::Checksum { sum });
        }
        let header = Self {
            signature: text(&bytes[..4]),
            length,
            revision,
            checksum_ok: sum == 0,
            oem_id: text(&bytes[10..16]),
            oem_table_id: text(&bytes[16..24]),
            oem_revision,
            creator_id: text(&bytes[28..32]),
            creator_revision,
        };
        Ok((header, table))
    }
}

/// Printable characters as they are, others as `.`; what pads the end is dropped.
pub(crate) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let printable =
        |&byte: &u8| if byte.is_ascii_graphic() || byte == b' ' { byte.into() } else { '.' };
    bytes[..end].iter().map(printable).collect::<String>().trim_end().to_owned()
}
