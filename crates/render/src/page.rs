//! What a text is shown on.

/// Where a text goes, as far as that changes its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The symbols that it can show.
    pub symbols: Symbols,
    /// How many columns it has; `None` for a pipe or a file, in which nothing is ever cut.
    pub width: Option<usize>,
}

/// The symbols that a reader's locale can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symbols {
    /// ✓ ! ✗ ? – and lines for trees.
    Unicode,
    /// The same in ASCII.
    Ascii,
}

impl Symbols {
    /// The first of two where there is Unicode, else the second.
    #[must_use]
    pub const fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self {
            Self::Unicode => unicode,
            Self::Ascii => ascii,
        }
    }

    /// What leads to a child that others follow.
    #[must_use]
    pub const fn branch(self) -> &'static str {
        self.pick("├─ ", "|- ")
    }

    /// What leads to the last child.
    #[must_use]
    pub const fn last_branch(self) -> &'static str {
        self.pick("└─ ", "`- ")
    }
}
