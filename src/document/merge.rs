//! The three-way merge of two objects that came from a third.

use super::tape::{Kind, Value};
use super::value::{KeyIndex, decode, is_same};

/// Which side's value the result of a merge is the same as. Both can be.
#[derive(Clone, Copy)]
pub(super) struct Outcome {
    pub(super) is_theirs: bool,
    pub(super) is_mine: bool,
}

const THEIRS: Outcome = Outcome {
    is_theirs: true,
    is_mine: false,
};
const MINE: Outcome = Outcome {
    is_theirs: false,
    is_mine: true,
};
const BOTH: Outcome = Outcome {
    is_theirs: true,
    is_mine: true,
};

/// What the three sides have under one key.
struct Row<'t> {
    /// As theirs spell it, or mine if they have no such member.
    key: &'t str,
    base: Option<Value<'t>>,
    mine: Option<Value<'t>>,
    theirs: Option<Value<'t>>,
}

/// Merges three objects, of which `base` may be missing (as if it were empty), and appends the result to `out`.
///
/// Linear in the length of the texts: a value is taken apart or compared once, whatever the depth.
pub(super) fn merge_objects<'t>(
    base: Option<Value<'t>>,
    mine: Value<'t>,
    theirs: Value<'t>,
    out: &mut String,
) -> Outcome {
    let mut table =
        Table::with_capacity(base.map_or(0, Value::child_count).max(theirs.child_count()));
    table.add_base(base);
    table.add_theirs(base, theirs);
    table.add_mine(base, mine);
    table.put_array_indices_first();

    let mut outcome = BOTH;
    out.push('{');
    let empty = out.len();
    for &place in &table.order {
        let row = &table.rows[place];
        let before = out.len();
        if before > empty {
            out.push(',');
        }
        out.push_str(row.key);
        out.push(':');
        let value_start = out.len();
        let of_row = row.merge(outcome, out);
        if out.len() == value_start {
            out.truncate(before);
        }
        outcome.is_theirs &= of_row.is_theirs;
        outcome.is_mine &= of_row.is_mine;
    }
    out.push('}');
    outcome
}

impl Row<'_> {
    /// Appends the value that the key gets; nothing if it gets none.
    ///
    /// `so_far` tells which comparisons can still matter: where the object has already become different from a side, it is
    /// not asked whether this value is that side's.
    fn merge(&self, so_far: Outcome, out: &mut String) -> Outcome {
        let (mine, theirs) = match (self.mine, self.theirs) {
            (Some(mine), Some(theirs)) => (mine, theirs),
            (Some(mine), None) => {
                if self.base.is_some_and(|base| is_same(base, mine)) {
                    return THEIRS;
                }
                out.push_str(mine.text());
                return MINE;
            }
            (None, Some(theirs)) => {
                if self.base.is_some() {
                    return MINE;
                }
                out.push_str(theirs.text());
                return THEIRS;
            }
            (None, None) => return BOTH,
        };
        if mine.is_identical(theirs) {
            out.push_str(theirs.text());
            return BOTH;
        }
        if self.base.is_some_and(|base| base.is_identical(mine)) {
            out.push_str(theirs.text());
            return Outcome {
                is_theirs: true,
                is_mine: so_far.is_mine && is_same(mine, theirs),
            };
        }
        if self.base.is_some_and(|base| base.is_identical(theirs)) {
            out.push_str(mine.text());
            return Outcome {
                is_theirs: so_far.is_theirs && is_same(mine, theirs),
                is_mine: true,
            };
        }
        if is_open_object(mine) && is_open_object(theirs) && self.base.is_none_or(is_open_object) {
            return merge_nested(self.base, mine, theirs, out);
        }
        if is_same(mine, theirs) {
            out.push_str(theirs.text());
            return BOTH;
        }
        if self.base.is_some_and(|base| is_same(base, mine)) {
            out.push_str(theirs.text());
            return THEIRS;
        }
        // Theirs is as it was, or both have changed it: then the later commit wins.
        out.push_str(mine.text());
        MINE
    }
}

fn merge_nested<'t>(
    base: Option<Value<'t>>,
    mine: Value<'t>,
    theirs: Value<'t>,
    out: &mut String,
) -> Outcome {
    let start = out.len();
    let outcome = merge_objects(base, mine, theirs, out);
    // A side's own text rather than one with the same meaning.
    if outcome.is_theirs {
        out.truncate(start);
        out.push_str(theirs.text());
    } else if outcome.is_mine {
        out.truncate(start);
        out.push_str(mine.text());
    }
    outcome
}

fn is_open_object(value: Value<'_>) -> bool {
    value.kind() == Kind::Object && !value.is_opaque()
}

/// The members of three objects, joined by key.
struct Table<'t> {
    keys: KeyIndex<'t>,
    /// One for each key, in the order of `keys`.
    rows: Vec<Row<'t>>,
    /// The row of each member of base, by its place there.
    base_rows: Vec<usize>,
    /// The rows that the result may have, in its order: theirs, then what mine alone has.
    order: Vec<usize>,
}

impl<'t> Table<'t> {
    fn with_capacity(expected: usize) -> Self {
        Self {
            keys: KeyIndex::with_capacity(expected),
            rows: Vec::with_capacity(expected),
            base_rows: Vec::with_capacity(expected),
            order: Vec::with_capacity(expected),
        }
    }

    fn add_base(&mut self, base: Option<Value<'t>>) {
        for member in base.into_iter().flat_map(Value::children) {
            let place = self.place(member.key);
            self.rows[place].base = Some(member.value);
            self.base_rows.push(place);
        }
    }

    fn add_theirs(&mut self, base: Option<Value<'t>>, theirs: Value<'t>) {
        let is_guided = base.is_some_and(|base| theirs.is_guided_by(base));
        for member in theirs.children() {
            let place = self.place_of_twin(member.key, member.twin_ordinal.filter(|_| is_guided));
            let row = &mut self.rows[place];
            if row.theirs.is_none() {
                row.key = member.key;
                self.order.push(place);
            }
            row.theirs = Some(member.value);
        }
    }

    fn add_mine(&mut self, base: Option<Value<'t>>, mine: Value<'t>) {
        let is_guided = base.is_some_and(|base| mine.is_guided_by(base));
        for member in mine.children() {
            let place = self.place_of_twin(member.key, member.twin_ordinal.filter(|_| is_guided));
            let row = &mut self.rows[place];
            if row.mine.is_none() && row.theirs.is_none() {
                row.key = member.key;
                self.order.push(place);
            }
            row.mine = Some(member.value);
        }
    }

    /// The row of a member of which it may be known that its key is the same as that of a member of base.
    fn place_of_twin(&mut self, key: &'t str, base_ordinal: Option<u32>) -> usize {
        match base_ordinal {
            Some(ordinal) => self.base_rows[ordinal as usize],
            None => self.place(key),
        }
    }

    fn place(&mut self, key: &'t str) -> usize {
        let place = self.keys.find_or_add(decode(key));
        if place == self.rows.len() {
            self.rows.push(Row {
                key,
                base: None,
                mine: None,
                theirs: None,
            });
        }
        place
    }

    /// JavaScript puts the keys that are array indices before all others, in ascending order.
    fn put_array_indices_first(&mut self) {
        let index_of = |place: &usize| array_index(self.keys.key(*place));
        if self.order.iter().any(|place| index_of(place).is_some()) {
            // Stable: the others keep their order.
            self.order
                .sort_by_cached_key(|place| index_of(place).unwrap_or(u32::MAX));
        }
    }
}

/// The array index that a key is: `0` to `4294967294`, without leading zeros.
fn array_index(key: &[u8]) -> Option<u32> {
    let is_canonical = match key {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.len() < 10 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !is_canonical {
        return None;
    }
    std::str::from_utf8(key)
        .ok()?
        .parse()
        .ok()
        .filter(|index| *index != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn array_indices_are_told_from_other_keys() {
        for (key, index) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("10", Some(10)),
            ("4294967294", Some(4_294_967_294)),
        ] {
            assert_eq!(array_index(key.as_bytes()), index);
        }
        for key in [
            "",
            "00",
            "01",
            "-1",
            "+1",
            "1.0",
            "1e3",
            " 1",
            "a",
            "4294967295",
            "4294967296",
            "99999999999",
        ] {
            assert_eq!(array_index(key.as_bytes()), None, "{key}");
        }
    }
}
