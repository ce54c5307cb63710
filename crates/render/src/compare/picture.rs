//! The ways drawn: from the guest through the host and the card to what is outside, a column a way,
//! the switch where it is.
//!
//! One file, without a script, a font or anything from elsewhere. Nothing is told by colour alone: a
//! switch has a thick border and its word, a way that cannot be gone a broken line and a cross.

use super::paths::{Band, Kind, Stop};
use super::{Comparison, Mark, WayToday};
use crate::Symbols;
use crate::markup::escape;
use crate::topology::PICTURE;
use crate::words::wrap;

const LEFT: usize = 84;
const COLUMN: usize = 208;
const GAP: usize = 16;
const BOX: usize = 176;
const BOX_HEIGHT: usize = 44;
const LINE: usize = 16;
/// About what fits into a column in a face of 12 pixels.
const COLUMN_CHARS: usize = 30;
const BOX_CHARS: usize = 27;
const HEAD_LINES: usize = 2;

/// The bands from above: where each begins, how high it is.
const GUEST: (usize, usize) = (84, 64);
const HOST: (usize, usize) = (168, 138);
const CARD: (usize, usize) = (326, 138);
const OUTSIDE: (usize, usize) = (484, 40);
const KEY: usize = 550;
const HEIGHT: usize = 570;
const WIDTH: usize = LEFT + 4 * (COLUMN + GAP) + 8;

const OWN: &str = "\
.switch{fill:#ffffff;stroke:#0072b2;stroke-width:3}
.band{fill:#f3f4f6}
.away{stroke-dasharray:5 4}
.t-yes{fill:#1f6f54;font-weight:600}
.t-partly{fill:#8a5a00;font-weight:600}
.t-maybe{fill:#6f3fc4;font-weight:600}
.mid{text-anchor:middle}
@media (prefers-color-scheme:dark){
.switch{fill:#161b22;stroke:#56b4e9}
.band{fill:#171c23}
.t-yes{fill:#5fd0a5}
.t-partly{fill:#e3b341}
.t-maybe{fill:#b392f0}
}
";

impl Comparison {
    /// The ways, drawn.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n<title>{}</title>\n<style>\n{PICTURE}\
             {OWN}</style>\n<rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n",
            escape(&self.summary)
        );
        let device = if self.device.class_name.contains("drive") { "drive" } else { "device" };
        let device = if self.device.netdev.is_some() { "card" } else { device };
        for (band, name) in [(GUEST, "guest"), (HOST, "host"), (CARD, device), (OUTSIDE, "outside")]
        {
            push_band(band, name, &mut svg);
        }
        for (number, (way, stops)) in self.ways.iter().zip(&self.paths).enumerate() {
            self.push_way(LEFT + number * (COLUMN + GAP), way, stops, &mut svg);
        }
        push_key(&mut svg);
        svg.push_str("</svg>\n");
        svg
    }

    fn push_way(&self, x: usize, way: &WayToday, stops: &[Stop], svg: &mut String) {
        let middle = x + COLUMN / 2;
        let (sign, _) = way.today.sign(Symbols::Unicode);
        let heading = format!("{sign} {}", way.way.heading());
        push_text(middle, 24, &format!("{} mid", class(way.today)), &heading, svg);
        let brief = self.today(way);
        for (number, line) in wrap(&brief, COLUMN_CHARS).iter().take(HEAD_LINES).enumerate() {
            push_text(middle, 44 + number * LINE, "faint mid", line, svg);
        }
        if way.today == Mark::DoesNotApply {
            return;
        }
        let open = way.today != Mark::No;
        push_line(middle, stops, open, svg);
        for (stop, y) in placed(stops) {
            push_stop(x, y, stop, svg);
        }
        if !open {
            push_cross(middle, GUEST.0 + GUEST.1 + 10, svg);
        }
    }

    /// What the first row says of a way.
    fn today(&self, way: &WayToday) -> String {
        let cells = self.questions.first().map_or(&[][..], |row| &row.cells);
        let cell = cells.iter().find(|cell| cell.way == way.way);
        cell.map(|cell| cell.text.clone()).unwrap_or_default()
    }
}

const fn class(mark: Mark) -> &'static str {
    match mark {
        Mark::DoesNotApply => "faint",
        Mark::Yes => "t-yes",
        Mark::Partly => "t-partly",
        Mark::Unknown => "t-maybe",
        Mark::No => "strong",
    }
}

const fn bounds(band: Band) -> (usize, usize) {
    match band {
        Band::Guest => GUEST,
        Band::Host => HOST,
        Band::Card => CARD,
        Band::Outside => OUTSIDE,
    }
}

/// Each stop with the upper end of its box: those of a band share its height.
fn placed(stops: &[Stop]) -> Vec<(&Stop, usize)> {
    let place = |(number, stop): (usize, &Stop)| {
        let (top, height) = bounds(stop.band);
        let of_band = |one: &&Stop| one.band == stop.band;
        let many = stops.iter().filter(of_band).count();
        let before = stops.iter().take(number).filter(of_band).count();
        let share = height / many.max(1);
        let own = if stop.band == Band::Outside { 28 } else { BOX_HEIGHT };
        top + before * share + share.saturating_sub(own) / 2
    };
    stops.iter().enumerate().map(|one| (one.1, place(one))).collect()
}

fn push_band((top, height): (usize, usize), name: &str, svg: &mut String) {
    let width = WIDTH - 16;
    svg.push_str(&format!(
        "<rect class=\"band\" x=\"8\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n"
    ));
    push_text(20, top + height / 2 + 4, "head", name, svg);
}

/// From the guest's box to the last one.
fn push_line(x: usize, stops: &[Stop], open: bool, svg: &mut String) {
    let from = GUEST.0 + GUEST.1 / 2;
    let last = stops.last().map_or(from, |stop| {
        let (top, height) = bounds(stop.band);
        top + height / 2
    });
    let class = if open { "link" } else { "link away" };
    svg.push_str(&format!("<path class=\"{class}\" d=\"M{x} {from}V{last}\"/>\n"));
}

fn push_stop(x: usize, y: usize, stop: &Stop, svg: &mut String) {
    let middle = x + COLUMN / 2;
    if stop.kind == Kind::Note {
        push_text(middle + 10, y + 18, "head", &stop.name, svg);
        push_text(middle + 10, y + 34, "label", &stop.says, svg);
        return;
    }
    let left = x + (COLUMN - BOX) / 2;
    let height = if stop.band == Band::Outside { 28 } else { BOX_HEIGHT };
    let class = if stop.kind == Kind::Switch { "switch" } else { "box" };
    svg.push_str(&format!(
        "<g>\n<rect class=\"{class}\" x=\"{left}\" y=\"{y}\" width=\"{BOX}\" height=\"{height}\" \
         rx=\"6\"/>\n"
    ));
    let name: String = stop.name.chars().take(BOX_CHARS).collect();
    push_text(middle, y + 18, "head mid", &name, svg);
    if !stop.says.is_empty() {
        push_text(middle, y + 34, "faint mid", &stop.says, svg);
    }
    svg.push_str("</g>\n");
}

fn push_cross(x: usize, y: usize, svg: &mut String) {
    let (left, right, up, down) = (x - 6, x + 6, y - 6, y + 6);
    let way = format!("M{left} {up}L{right} {down}M{left} {down}L{right} {up}");
    svg.push_str(&format!(
        "<path class=\"halo\" d=\"{way}\"/>\n<path class=\"broken\" d=\"{way}\"/>\n"
    ));
}

/// What the signs mean.
fn push_key(svg: &mut String) {
    svg.push_str(&format!(
        "<rect class=\"switch\" x=\"{LEFT}\" y=\"{}\" width=\"26\" height=\"12\" rx=\"4\"/>\n",
        KEY - 6
    ));
    push_text(LEFT + 34, KEY + 4, "label", "packets are switched here", svg);
    let x = LEFT + 220;
    svg.push_str(&format!("<path class=\"link away\" d=\"M{x} {KEY}H{}\"/>\n", x + 26));
    push_text(x + 34, KEY + 4, "label", "not on this host today", svg);
}

fn push_text(x: usize, y: usize, class: &str, text: &str, svg: &mut String) {
    svg.push_str(&format!("<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{}</text>\n", escape(text)));
}
