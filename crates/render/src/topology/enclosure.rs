//! The rectangles that enclose groups: each holds functions of its group alone.
//!
//! A group is usually one subtree, and then one rectangle. Where others stand between its functions
//! it has several, of the same colour and with the same label.

use std::collections::BTreeMap;

use super::layout::{PAD, Spot};

/// A rectangle around functions of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Enclosure {
    /// The group, by its index.
    pub(super) group: usize,
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
}

/// Functions of one group side by side in a row.
struct Run {
    group: usize,
    row: usize,
    first: usize,
    last: usize,
    /// The columns that nobody else has in this row.
    least: usize,
    most: usize,
    area: Enclosure,
}

/// Encloses the groups of a picture. Linear in its boxes, times the depth of the tree.
pub(super) fn enclose(spots: &[Spot]) -> Vec<Enclosure> {
    let mut rows: BTreeMap<usize, Vec<&Spot>> = BTreeMap::new();
    for spot in spots {
        rows.entry(spot.row).or_default().push(spot);
    }
    let mut open: BTreeMap<usize, Run> = BTreeMap::new();
    let mut done = Vec::new();
    // The last row whose boxes begin at this column or left of it.
    let mut reached: Vec<usize> = Vec::new();
    for (row, mut boxes) in rows {
        boxes.sort_by_key(|spot| spot.column);
        for run in runs(row, &boxes) {
            match open.remove(&run.group) {
                None => drop(open.insert(run.group, run)),
                Some(before) => match before.join(&run, &reached) {
                    Ok(joined) => drop(open.insert(run.group, joined)),
                    Err(before) => {
                        done.push(before.area);
                        open.insert(run.group, run);
                    }
                },
            }
        }
        let first = boxes.first().map_or(0, |spot| spot.column);
        let last = boxes.last().map_or(0, |spot| spot.column);
        if reached.len() <= last {
            // Beyond the deepest box so far, every row yet has begun further left.
            let row = reached.last().copied().unwrap_or(row);
            reached.resize(last + 1, row);
        }
        for slot in reached.iter_mut().skip(first) {
            *slot = row;
        }
    }
    done.extend(open.into_values().map(|run| run.area));
    done.sort_by_key(|area| (area.top, area.left));
    done
}

fn runs(row: usize, boxes: &[&Spot]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut before = None;
    for spot in boxes {
        match (runs.last_mut(), spot.group) {
            (Some(run), Some(group)) if before == Some(group) => {
                run.last = spot.column;
                run.area.include(spot);
            }
            (last, group) => {
                if let (Some(run), Some(_)) = (last, before) {
                    run.most = spot.column.saturating_sub(1);
                }
                let least = before_column(boxes, spot);
                runs.extend(group.map(|group| Run::new(group, row, spot, least)));
            }
        }
        before = spot.group;
    }
    runs
}

/// The first column of a row that is free left of a box.
fn before_column(boxes: &[&Spot], spot: &Spot) -> usize {
    let first = boxes.first().map_or(0, |first| first.column);
    if spot.column > first { spot.column } else { 0 }
}

impl Run {
    fn new(group: usize, row: usize, spot: &Spot, least: usize) -> Self {
        let area = Enclosure {
            group,
            left: spot.x - PAD,
            top: spot.label(),
            right: spot.right() + PAD,
            bottom: spot.bottom() + PAD,
        };
        let (first, last) = (spot.column, spot.column);
        Self { group, row, first, last, least, most: usize::MAX, area }
    }

    /// Both as one, if nobody else stands in the rectangle around them.
    fn join(self, next: &Self, reached: &[usize]) -> Result<Self, Self> {
        let (first, last) = (self.first.min(next.first), self.last.max(next.last));
        let (least, most) = (self.least.max(next.least), self.most.min(next.most));
        let gap = next.row > self.row + 1;
        let between = gap && reached.get(last).is_none_or(|row| *row > self.row);
        if first < least || last > most || between || next.row == self.row {
            return Err(self);
        }
        // What stands right of it between the two may not be enclosed later.
        let most = if gap { last } else { most };
        let area = self.area.around(next.area);
        Ok(Self { group: self.group, row: next.row, first, last, least, most, area })
    }
}

impl Enclosure {
    fn include(&mut self, spot: &Spot) {
        self.right = self.right.max(spot.right() + PAD);
        self.bottom = self.bottom.max(spot.bottom() + PAD);
    }

    fn around(self, other: Self) -> Self {
        Self {
            group: self.group,
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }
}
