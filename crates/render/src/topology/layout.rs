//! Where everything of a picture is: a grid whose columns are the links from the root complex and
//! whose rows are the ends of the tree.
//!
//! What hangs below another is one column to the right; the first of them shares its row. So a
//! subtree has a rectangle of the grid to itself, and a group can be enclosed. Lengths are CSS
//! pixels, counted from the top left.

use super::Topology;
use super::enclosure::{Enclosure, enclose};
use super::fold::{What, shown};
use super::panel::{Panel, Tone};

/// Width of a character of a box's text, generously, in tenths of a pixel.
const CHAR: usize = 66;
pub(super) const LINE: usize = 16;
/// Between a box's edge and its text.
pub(super) const INSET: usize = 10;
/// Above each box, for the label of its group.
const LABEL: usize = 20;
/// Between the enclosure of a row and the next.
const ROW_GAP: usize = 16;
/// Between two columns: room for a link that is drawn broken.
pub(super) const COLUMN_GAP: usize = 72;
/// Around all.
pub(super) const MARGIN: usize = 24;
/// Between a box and the edge of its group.
pub(super) const PAD: usize = 8;

/// One box.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    /// What is shown in it; `None`: a root bus.
    pub(super) what: Option<What>,
    pub(super) panel: Panel,
    /// The box that it hangs on, by its index.
    pub(super) above: Option<usize>,
    /// Is the link above it where isolation ends?
    pub(super) broken: bool,
    /// Its group, by its index; of a fold, the one that all its VFs share.
    pub(super) group: Option<usize>,
    pub(super) row: usize,
    pub(super) column: usize,
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    /// Of the box; sentences stand below it.
    pub(super) height: usize,
}

/// A picture's boxes and enclosures.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) spots: Vec<Spot>,
    pub(super) enclosures: Vec<Enclosure>,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Layout {
    /// Lays out a topology below `top`. Linear in what is shown.
    pub(super) fn of(topology: &Topology, top: usize) -> Self {
        let mut spots = spots(topology);
        let (width, height) = measure(&mut spots, top);
        let enclosures = enclose(&spots);
        Self { spots, enclosures, width, height }
    }
}

/// Everything with its row and column.
fn spots(topology: &Topology) -> Vec<Spot> {
    let mut spots: Vec<Spot> = Vec::new();
    let mut at: Vec<usize> = Vec::new();
    let mut has_child: Vec<bool> = Vec::new();
    let mut root: Option<(String, usize)> = None;
    let mut rows = 0;
    for one in shown(topology) {
        let Some(node) = topology.functions.get(one.what.first()) else { continue };
        let above = match one.above.and_then(|above| at.get(above).copied()) {
            Some(above) => above,
            None => {
                let name = topology.root_of(node);
                if root.as_ref().is_none_or(|(known, _)| *known != name) {
                    spots.push(spot(None, Panel::root(&name), None, rows, 0));
                    has_child.push(false);
                    rows += 1;
                    root = Some((name, spots.len() - 1));
                }
                root.as_ref().map_or(0, |(_, at)| *at)
            }
        };
        let first = has_child.get_mut(above).is_some_and(|has| !std::mem::replace(has, true));
        let row = if first { spots[above].row } else { rows };
        rows += usize::from(!first);
        at.push(spots.len());
        has_child.push(false);
        let panel = Panel::of(topology, &one.what);
        let mut new = spot(None, panel, Some(above), row, spots[above].column + 1);
        new.group = group(topology, &one.what);
        new.broken = matches!(one.what, What::Function(_)) && topology.end_at(node).is_some();
        new.what = Some(one.what);
        spots.push(new);
    }
    spots
}

const fn spot(
    what: Option<What>,
    panel: Panel,
    above: Option<usize>,
    row: usize,
    column: usize,
) -> Spot {
    let (x, y, width, height) = (0, 0, 0, 0);
    Spot { what, panel, above, broken: false, group: None, row, column, x, y, width, height }
}

fn group(topology: &Topology, what: &What) -> Option<usize> {
    let of = |at: &usize| {
        let node = topology.functions.get(*at)?;
        topology.groups_of.of.get(&node.address).copied()
    };
    match what {
        What::Function(at) => of(at),
        What::Many(vfs) => {
            let first = vfs.first().and_then(of)?;
            vfs.iter().all(|vf| of(vf) == Some(first)).then_some(first)
        }
    }
}

/// Gives each box its place and size, and says how large the whole is.
fn measure(spots: &mut [Spot], top: usize) -> (usize, usize) {
    let columns = spots.iter().map(|spot| spot.column + 1).max().unwrap_or_default();
    let rows = spots.iter().map(|spot| spot.row + 1).max().unwrap_or_default();
    let mut widths = vec![0; columns];
    for spot in spots.iter_mut() {
        spot.height = spot.panel.lines.len() * LINE + INSET;
        widths[spot.column] = widths[spot.column].max(width(&spot.panel));
    }
    let lefts = sums(&widths, MARGIN, COLUMN_GAP);
    let tops = tops(spots, rows, top);
    for spot in spots.iter_mut() {
        spot.width = widths[spot.column];
        spot.x = lefts[spot.column];
        spot.y = tops[spot.row] + LABEL;
    }
    let right = lefts.last().copied().unwrap_or(MARGIN).saturating_sub(COLUMN_GAP);
    (right + MARGIN, tops.last().copied().unwrap_or(top))
}

/// Where each row begins, and where the last ends. A box may reach down along the rows of what hangs
/// below it: those are its own.
fn tops(spots: &[Spot], rows: usize, top: usize) -> Vec<usize> {
    let mut last: Vec<usize> = spots.iter().map(|spot| spot.row).collect();
    for (at, spot) in spots.iter().enumerate().rev() {
        if let Some(above) = spot.above {
            last[above] = last[above].max(last[at]);
        }
    }
    let mut ending: Vec<Vec<&Spot>> = vec![Vec::new(); rows];
    for (spot, last) in spots.iter().zip(last) {
        ending[last].push(spot);
    }
    let mut tops = vec![top];
    for (row, boxes) in ending.iter().enumerate() {
        let ends = boxes.iter().map(|spot| tops[spot.row] + spot.height + spot.below());
        let end = ends.max().unwrap_or(tops[row]);
        tops.push(end + LABEL + ROW_GAP);
    }
    tops
}

/// Where each of some lengths starts, and where the last ends, with a gap after each.
fn sums(lengths: &[usize], from: usize, gap: usize) -> Vec<usize> {
    let add = |at: &mut usize, length: &usize| {
        *at += length + gap;
        Some(*at)
    };
    std::iter::once(from).chain(lengths.iter().scan(from, add)).collect()
}

fn width(panel: &Panel) -> usize {
    let chars = |text: &str| text.chars().count();
    let lines = panel.lines.iter().map(|line| {
        // Bold, and room for the mark that opens its details.
        let more = if line.tone == Tone::Head { 4 + chars(&line.text) / 9 } else { 0 };
        chars(&line.text) + more
    });
    let sentences = panel
        .sentences
        .iter()
        .map(|line| chars(&line.text) + usize::from(line.tone == Tone::Strong) * 3);
    lines.chain(sentences).max().unwrap_or_default() * CHAR / 10 + 2 * INSET
}

impl Spot {
    /// The height of the sentences below the box.
    pub(super) fn below(&self) -> usize {
        match self.panel.sentences.len() {
            0 => 0,
            lines => lines * LINE + INSET,
        }
    }

    /// Where links meet it.
    pub(super) const fn middle(&self) -> usize {
        self.y + INSET / 2 + LINE / 2 + 2
    }

    pub(super) const fn right(&self) -> usize {
        self.x + self.width
    }

    pub(super) fn bottom(&self) -> usize {
        self.y + self.height + self.below()
    }

    pub(super) const fn label(&self) -> usize {
        self.y - LABEL + 4
    }
}
