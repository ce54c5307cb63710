//! Colours: few, and each with one meaning.

use anstyle::{AnsiColor, Effects, Style};

/// What a piece of text means to a reader's eye.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// The heading of a column or a part.
    Heading,
    /// Good.
    Good,
    /// To be minded.
    Warn,
    /// Bad.
    Bad,
    /// Unknown.
    Unknown,
    /// Of less weight than what is beside it.
    Faint,
}

impl Tone {
    /// The style of it.
    #[must_use]
    pub const fn style(self) -> Style {
        let style = Style::new();
        match self {
            Self::Plain => style,
            Self::Heading => style.effects(Effects::BOLD),
            Self::Good => style.fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green))),
            Self::Warn => style.fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow))),
            Self::Bad => {
                style.fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red))).effects(Effects::BOLD)
            }
            Self::Unknown => style.fg_color(Some(anstyle::Color::Ansi(AnsiColor::Magenta))),
            Self::Faint => style.effects(Effects::DIMMED),
        }
    }

    /// `text` in this tone.
    #[must_use]
    pub fn paint(self, text: &str) -> String {
        if self == Self::Plain || text.is_empty() {
            return text.to_owned();
        }
        let style = self.style();
        format!("{style}{text}{style:#}")
    }
}
