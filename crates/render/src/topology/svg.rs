//! The picture as SVG: one file, without a script, a font or anything else from elsewhere.

use super::layout::{COLUMN_GAP, INSET, LINE, Layout, MARGIN, Spot};
use super::panel::Tone;
use super::style::{HUES, PICTURE};
use super::{Topology, fold::What};
use crate::markup::escape;
use crate::words::wrap;

/// The sentence above a picture breaks here.
const SUMMARY_CHARS: usize = 110;
const SUMMARY_LINE: usize = 20;
/// Room for the sentence above and the key below, whatever the picture holds.
const LEAST_WIDTH: usize = 820;

/// A picture, and where things are in it.
pub(super) struct Picture {
    pub(super) svg: String,
    pub(super) layout: Layout,
}

impl Topology {
    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        self.picture().svg
    }

    /// The picture, with the places of its boxes.
    pub(super) fn picture(&self) -> Picture {
        let summary = wrap(&self.summary, SUMMARY_CHARS);
        let top = MARGIN + summary.len() * SUMMARY_LINE + LINE;
        let layout = Layout::of(self, top);
        let (width, height) = (layout.width.max(LEAST_WIDTH), layout.height + LINE + MARGIN);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{}</title>\n<style>\n{PICTURE}\
             </style>\n<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n",
            escape(&self.summary)
        );
        for (number, line) in summary.iter().enumerate() {
            push_text(MARGIN, MARGIN + 12 + number * SUMMARY_LINE, "sum", line, &mut svg);
        }
        self.push_enclosures(&layout, &mut svg);
        for spot in &layout.spots {
            push_link(spot, &layout.spots, &mut svg);
        }
        for spot in &layout.spots {
            push_spot(spot, &mut svg);
        }
        self.push_key(layout.height + LINE, &mut svg);
        svg.push_str("</svg>\n");
        Picture { svg, layout }
    }

    fn push_enclosures(&self, layout: &Layout, svg: &mut String) {
        for area in &layout.enclosures {
            let Some(group) = self.groups.get(area.group) else { continue };
            let guests = group.devices.iter().any(|at| self.groups_of.of_guest.contains_key(at));
            let hue = if guests { format!("group h{}", area.group % HUES) } else { "alone".into() };
            let guess = if group.id.is_none() || group.noiommu { " guess" } else { "" };
            let (width, height) = (area.right - area.left, area.bottom - area.top);
            svg.push_str(&format!(
                "<rect class=\"{hue}{guess}\" x=\"{}\" y=\"{}\" width=\"{width}\" \
                 height=\"{height}\" rx=\"10\"/>\n",
                area.left, area.top
            ));
            push_text(area.left + 8, area.top + 12, "label", &group.name(), svg);
        }
    }

    /// What the signs mean, as far as they occur.
    fn push_key(&self, y: usize, svg: &mut String) {
        let mut x = MARGIN;
        let mut says = |text: &str, svg: &mut String| {
            push_text(x + 34, y + 4, "label", text, svg);
            x += 34 + text.chars().count() * 7 + LINE;
            x
        };
        if !self.groups.is_empty() {
            let guess = if self.predicted_by.is_some() { " guess" } else { "" };
            svg.push_str(&format!(
                "<rect class=\"group h0{guess}\" x=\"{MARGIN}\" y=\"{}\" width=\"26\" \
                 height=\"12\" rx=\"4\"/>\n",
                y - 6
            ));
            let what = match self.predicted_by {
                Some(_) => "IOMMU group that there would be: goes to one VM together",
                None => "IOMMU group: goes to one VM together",
            };
            x_after(says(what, svg), !self.ends.is_empty(), y, svg);
        }
        if !self.ends.is_empty() {
            says("isolation ends: requests can turn round here, past the IOMMU", svg);
        }
    }
}

/// The sign of a broken link in the key.
fn x_after(x: usize, wanted: bool, y: usize, svg: &mut String) {
    if wanted {
        push_broken(x, x + 28, y, svg);
    }
}

/// The link from a box to what it hangs on.
fn push_link(spot: &Spot, spots: &[Spot], svg: &mut String) {
    let Some(above) = spot.above.and_then(|above| spots.get(above)) else { return };
    let turn = above.right() + COLUMN_GAP / 2 - 4;
    let (from, to) = (above.middle(), spot.middle());
    let end = if spot.broken { turn } else { spot.x };
    let way = if from == to {
        format!("M{} {from}H{end}", above.right())
    } else {
        format!("M{} {from}H{turn}V{to}H{end}", above.right())
    };
    svg.push_str(&format!("<path class=\"link\" d=\"{way}\"/>\n"));
    if spot.broken {
        push_broken(turn, spot.x, to, svg);
    }
}

/// A link that is broken: two ends and a cross between them.
fn push_broken(from: usize, to: usize, y: usize, svg: &mut String) {
    let middle = usize::midpoint(from, to) - 2;
    let (left, right, up, down) = (middle - 5, middle + 5, y - 5, y + 5);
    svg.push_str(&format!(
        "<path class=\"broken\" d=\"M{from} {y}H{}M{} {y}H{to}\"/>\n\
         <path class=\"halo\" d=\"M{left} {up}L{right} {down}M{left} {down}L{right} {up}\"/>\n\
         <path class=\"broken\" d=\"M{left} {up}L{right} {down}M{left} {down}L{right} {up}\"/>\n",
        left - 3,
        right + 3,
    ));
}

fn push_spot(spot: &Spot, svg: &mut String) {
    svg.push_str("<g>");
    if !spot.panel.details.is_empty() {
        let details: Vec<String> = spot.panel.details.iter().map(|text| escape(text)).collect();
        svg.push_str(&format!("<title>{}</title>", details.join("\n")));
    }
    svg.push('\n');
    if matches!(spot.what, Some(What::Many(_))) {
        push_box(spot, 6, "stack", svg);
        push_box(spot, 3, "stack", svg);
    }
    let port = spot.panel.port || spot.what.is_none();
    push_box(spot, 0, if port { "box port" } else { "box" }, svg);
    let mut y = spot.y + LINE;
    for line in &spot.panel.lines {
        push_text(spot.x + INSET, y, class(line.tone), &line.text, svg);
        y += LINE;
    }
    y += INSET;
    for line in &spot.panel.sentences {
        push_text(spot.x + INSET, y, class(line.tone), &line.text, svg);
        y += LINE;
    }
    svg.push_str("</g>\n");
}

fn push_box(spot: &Spot, off: usize, class: &str, svg: &mut String) {
    svg.push_str(&format!(
        "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"5\"/>\n",
        spot.x + off,
        spot.y + off,
        spot.width,
        spot.height
    ));
}

fn push_text(x: usize, y: usize, class: &str, text: &str, svg: &mut String) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    svg.push_str(&format!("<text x=\"{x}\" y=\"{y}\"{class}>{}</text>\n", escape(text)));
}

const fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Head => "head",
        Tone::Plain => "",
        Tone::Faint => "faint",
        Tone::Good => "good",
        Tone::Strong => "strong",
    }
}
