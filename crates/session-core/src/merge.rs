//! The three-way merge of session texts: what becomes of a session when two sides have changed it.
//!
//! The texts are JSON as `JSON.stringify` writes it. They are taken apart at their keys only; a value is copied as it is
//! spelt, never decoded and written anew.

use std::{borrow::Cow, hash};

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, de};
use serde_bytes::ByteBuf;
use serde_json::value::RawValue;

/// Objects nested deeper than this are one value, as arrays are.
const MAX_DEPTH: usize = 128;

/// Merges two changed texts of one session, `base`, so that the changes of both are kept, down to nested fields.
///
/// For each key: a value that one side has changed, added or deleted is taken from that side. Where both sides have changed
/// the same key, and it is an object on both (and in `base`, or missing there), the objects are merged in the same way.
/// Otherwise mine wins, which is the later commit, also if it is a deletion. An array is one value, and so is an object
/// nested deeper than 128.
///
/// Values are the same if `JSON.parse` makes the same of them, in whatever spelling or order of keys; of members with the
/// same key the last counts. Texts that `JSON.stringify` wrote give a text that it could have written: no whitespace, array
/// indices first, then the keys of theirs in their order, then mine's new ones.
///
/// A result that is the same as theirs, or else as mine, is given as that is spelt. Gives nothing if a text is no JSON object. A
/// text that is equal to another one is not looked at.
#[must_use]
pub fn merge<'t>(base: &str, mine: &'t str, theirs: &'t str) -> Option<Cow<'t, str>> {
    if mine == base || mine == theirs {
        return Some(theirs.into());
    }
    if theirs == base {
        return Some(mine.into());
    }
    let text = merge_objects(&fields(base)?, &fields(mine)?, &fields(theirs)?, 1);
    let same = [theirs, mine].into_iter().find(|side| is_same(&text, side, 0));
    Some(same.map_or_else(|| text.into(), Cow::Borrowed))
}

/// The members of an object, in the order of their keys' first occurrences.
type Fields<'t> = IndexMap<Key<'t>, &'t RawValue>;

/// A key. Keys are the same if they are once decoded, however they are spelt.
struct Key<'t> {
    /// The text with its quotes.
    spelt: &'t str,
    decoded: ByteBuf,
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.decoded == other.decoded
    }
}

impl Eq for Key<'_> {}

impl hash::Hash for Key<'_> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.decoded.hash(state);
    }
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spelt = <&RawValue>::deserialize(deserializer)?.get();
        let decoded = decode(spelt).ok_or_else(|| de::Error::custom("no string"))?;
        Ok(Self { spelt, decoded })
    }
}

impl Key<'_> {
    /// The number of a key that is an array index: JavaScript has these first, in their order.
    fn index(&self) -> Option<u32> {
        let text = str::from_utf8(&self.decoded).ok()?;
        let index: u32 = text.parse().ok()?;
        (index < u32::MAX && text == index.to_string()).then_some(index)
    }
}

fn merge_objects(base: &Fields<'_>, mine: &Fields<'_>, theirs: &Fields<'_>, depth: usize) -> String {
    let new = mine.keys().filter(|key| !theirs.contains_key(*key));
    let mut merged = Vec::with_capacity(theirs.len());
    for key in theirs.keys().chain(new) {
        let [base, mine, theirs] =
            [base, mine, theirs].map(|fields| fields.get(key).map(|value| value.get()));
        merged.extend(merge_values(base, mine, theirs, depth).map(|value| (key, value)));
    }
    merged.sort_by_key(|(key, _)| key.index().unwrap_or(u32::MAX));
    let members: Vec<_> = merged.iter().map(|(key, value)| format!("{}:{value}", key.spelt)).collect();
    format!("{{{}}}", members.join(","))
}

/// The merged value of one key; nothing where it is deleted.
fn merge_values<'t>(
    base: Option<&'t str>,
    mine: Option<&'t str>,
    theirs: Option<&'t str>,
    depth: usize,
) -> Option<Cow<'t, str>> {
    // An unchanged text needs no look into it.
    if mine == base || mine == theirs {
        return theirs.map(Cow::Borrowed);
    }
    if depth < MAX_DEPTH
        && theirs != base
        && let Some(base) = fields(base.unwrap_or("{}"))
        && let Some(mine) = mine.and_then(fields)
        && let Some(theirs) = theirs.and_then(fields)
    {
        return Some(merge_objects(&base, &mine, &theirs, depth + 1).into());
    }
    let is_mine = |other: &str| mine.is_some_and(|mine| is_same(mine, other, depth));
    let is_theirs = base.is_some_and(is_mine) || theirs.is_some_and(is_mine);
    if is_theirs { theirs } else { mine }.map(Cow::Borrowed)
}

/// Whether `JSON.parse` makes the same of two values.
fn is_same(one: &str, other: &str, depth: usize) -> bool {
    if one == other {
        return true;
    }
    if depth >= MAX_DEPTH {
        return false;
    }
    let same = |one: &RawValue, other: &RawValue| is_same(one.get(), other.get(), depth + 1);
    match (one.as_bytes().first(), other.as_bytes().first()) {
        (Some(b'{'), Some(b'{')) => fields(one).zip(fields(other)).is_some_and(|(one, other)| {
            let mut members = one.iter();
            one.len() == other.len()
                && members.all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }),
        (Some(b'['), Some(b'[')) => elements(one).zip(elements(other)).is_some_and(|(one, other)| {
            let mut pairs = one.iter().zip(&other);
            one.len() == other.len() && pairs.all(|(one, other)| same(one, other))
        }),
        (Some(b'"'), Some(b'"')) => decode(one) == decode(other),
        // JavaScript has doubles only.
        _ => one.parse::<f64>().is_ok_and(|one| other.parse() == Ok(one)),
    }
}

/// The members of an object; nothing for other JSON.
fn fields(text: &str) -> Option<Fields<'_>> {
    serde_json::from_str(text).ok()
}

fn elements(text: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(text).ok()
}

/// The characters of a string that is spelt with its quotes: bytes and not text, as JSON can spell lone surrogates.
fn decode(spelt: &str) -> Option<ByteBuf> {
    serde_json::from_str(spelt).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;
    use serde_json::{Map, Value, json};

    use super::*;

    fn merged(base: &str, mine: &str, theirs: &str) -> String {
        merge(base, mine, theirs).expect("three objects").into_owned()
    }

    #[test]
    fn what_only_mine_has_changed_is_mine() {
        let (base, mine) = (r#"{"a":1,"b":2}"#, r#"{"a":1,"b":3}"#);
        assert_eq!(merged(base, mine, base), mine);
        assert_eq!(merged(base, mine, r#"{ "b": 2.0, "\u0061": 1 }"#), mine);
    }

    #[test]
    fn what_only_they_have_changed_is_theirs() {
        let (base, theirs) = (r#"{"a":1,"b":2}"#, r#"{"a":1}"#);
        assert_eq!(merged(base, base, theirs), theirs);
        assert_eq!(merged(base, r#"{"b":2,"a":1}"#, theirs), theirs);
    }

    #[test]
    fn what_both_have_changed_alike_needs_no_writing() {
        for theirs in [r#"{"a":{"b":1}}"#, r#"{"a":{"b":1.0},"c":1}"#] {
            assert_eq!(merged("{}", r#"{"a":{"b":1}}"#, theirs), theirs);
        }
    }

    #[test]
    fn mine_is_the_result_if_it_has_all_that_they_have() {
        assert_eq!(merged("{}", r#"{"b":2,"a":1}"#, r#"{"a":1}"#), r#"{"b":2,"a":1}"#);
    }

    #[test]
    fn changes_of_different_fields_are_all_kept() {
        assert_eq!(
            merged(
                r#"{"cookie":{"path":"/"},"a":1,"b":2,"gone":0}"#,
                r#"{"cookie":{"path":"/"},"a":9,"b":2,"mine":[1]}"#,
                r#"{"cookie":{"path":"/"},"a":1,"b":8,"gone":0,"theirs":{}}"#,
            ),
            r#"{"cookie":{"path":"/"},"a":9,"b":8,"theirs":{},"mine":[1]}"#
        );
    }

    #[test]
    fn nested_objects_are_merged_field_by_field() {
        assert_eq!(
            merged(
                r#"{"u":{"n":"x","p":{"a":1,"b":1}}}"#,
                r#"{"u":{"n":"y","p":{"a":2,"b":1}}}"#,
                r#"{"u":{"n":"x","p":{"a":1,"b":2},"k":0}}"#,
            ),
            r#"{"u":{"n":"y","p":{"a":2,"b":2},"k":0}}"#
        );
    }

    #[test]
    fn objects_that_both_have_added_under_one_key_are_merged() {
        assert_eq!(
            merged("{}", r#"{"a":{"m":1,"x":1}}"#, r#"{"a":{"t":1,"x":2}}"#),
            r#"{"a":{"t":1,"x":1,"m":1}}"#
        );
    }

    #[test]
    fn mine_wins_where_both_have_changed_one_value() {
        let base = r#"{"a":1,"b":2}"#;
        assert_eq!(merged(base, r#"{"a":2,"b":2}"#, r#"{"a":3,"b":3}"#), r#"{"a":2,"b":3}"#);
        // An array is one value, and so is an object that comes up against something else.
        assert_eq!(
            merged(r#"{"a":[1],"b":0}"#, r#"{"a":[1,2],"b":0}"#, r#"{"a":[0,1],"b":1}"#),
            r#"{"a":[1,2],"b":1}"#
        );
        assert_eq!(
            merged(r#"{"a":null,"b":0}"#, r#"{"a":{"m":1},"b":0}"#, r#"{"a":{"t":1},"b":1}"#),
            r#"{"a":{"m":1},"b":1}"#
        );
        assert_eq!(
            merged(r#"{"a":{"x":1},"b":0}"#, r#"{"a":{"x":2},"b":0}"#, r#"{"a":7,"b":1}"#),
            r#"{"a":{"x":2},"b":1}"#
        );
    }

    #[test]
    fn a_deletion_wins_over_an_unchanged_value_and_mine_over_theirs() {
        let base = r#"{"a":1,"b":2,"c":3}"#;
        // Mine deletes a; they delete b.
        assert_eq!(merged(base, r#"{"b":2,"c":3}"#, r#"{"a":1,"c":3}"#), r#"{"c":3}"#);
        // Mine deletes a, which they have changed.
        assert_eq!(merged(base, r#"{"b":2,"c":3}"#, r#"{"a":5,"b":7,"c":3}"#), r#"{"b":7,"c":3}"#);
        // Mine changes a, which they have deleted.
        assert_eq!(merged(base, r#"{"a":5,"b":2,"c":3}"#, r#"{"b":7,"c":3}"#), r#"{"b":7,"c":3,"a":5}"#);
        // Both delete a.
        assert_eq!(merged(base, r#"{"b":2,"c":4}"#, r#"{"b":7,"c":3}"#), r#"{"b":7,"c":4}"#);
    }

    #[test]
    fn another_spelling_is_no_change() {
        let base = r#"{"a":{"x":1,"y":[1,2]},"b":1}"#;
        // Mine has only another order and spelling in a: their change of it stands.
        assert_eq!(
            merged(base, r#"{"a":{"y":[1, 2.0],"x":1},"b":2}"#, r#"{"a":{"x":5,"y":[1,2]},"b":1}"#),
            r#"{"a":{"x":5,"y":[1,2]},"b":2}"#
        );
        assert_eq!(
            merged(r#"{"a":[1],"b":1}"#, r#"{"a":[1.0],"b":2}"#, r#"{"a":[3],"b":1}"#),
            r#"{"a":[3],"b":2}"#
        );
    }

    #[test]
    fn keys_are_compared_decoded_and_written_as_they_have_them() {
        assert_eq!(
            merged(r#"{"é":1,"b":1}"#, r#"{"\u00e9":2,"b":1}"#, r#"{"\u00E9":1,"b":2}"#),
            r#"{"\u00E9":2,"b":2}"#
        );
    }

    #[test]
    fn array_indices_come_first_as_in_javascript() {
        assert_eq!(
            merged(r#"{"5":0,"z":0}"#, r#"{"1":1,"5":0,"z":0,"m":1}"#, r#"{"5":0,"10":1,"z":0,"01":1}"#),
            r#"{"1":1,"5":0,"10":1,"z":0,"01":1,"m":1}"#
        );
        assert_eq!(merged("{}", r#"{"a":1,"\u0031":1}"#, r#"{"b":1}"#), r#"{"\u0031":1,"b":1,"a":1}"#);
    }

    #[test]
    fn of_repeated_keys_the_last_counts_in_the_place_of_the_first() {
        assert_eq!(
            merged(r#"{"a":1,"b":1}"#, r#"{"a":7,"b":1,"a":1,"m":1}"#, r#"{"a":3,"b":2,"a":4}"#),
            r#"{"a":4,"b":2,"m":1}"#
        );
        // Also where the value of a repeated key is an object.
        let base = r#"{"a":{"x":1},"a":{"x":2,"y":1},"b":1}"#;
        assert_eq!(
            merged(base, r#"{"a":{"x":2,"y":5},"b":1}"#, r#"{"a":{"x":3,"y":1},"b":2}"#),
            r#"{"a":{"x":3,"y":5},"b":2}"#
        );
        let mine = r#"{"b":1,"a":{"x":1}}"#;
        assert_eq!(merged(base, mine, r#"{"a":{"x":2,"y":1},"b":1}"#), mine);
    }

    #[test]
    fn a_key_named_proto_is_a_key_like_any_other() {
        assert_eq!(
            merged(r#"{"__proto__":{"a":1}}"#, r#"{"__proto__":{"a":2}}"#, r#"{"__proto__":{"a":1,"b":1}}"#),
            r#"{"__proto__":{"a":2,"b":1}}"#
        );
    }

    #[test]
    fn lone_surrogates_are_carried_through() {
        assert_eq!(
            merged(
                r#"{"\ud800":1,"a":"\udfff"}"#,
                r#"{"\ud800":2,"a":"\udfff"}"#,
                r#"{"\uD800":1,"a":"\udfff","b":"\ud83e"}"#
            ),
            r#"{"\uD800":2,"a":"\udfff","b":"\ud83e"}"#
        );
    }

    #[test]
    fn texts_that_are_no_json_object_are_refused() {
        for text in ["", r#"{"a":1"#, r#"{"b":x}"#, "[]", "null", r#""{}""#, "{} {}"] {
            assert_eq!(merge(text, r#"{"a":1}"#, "{}"), None, "{text}");
            assert_eq!(merge("{}", text, r#"{"b":1}"#), None, "{text}");
            assert_eq!(merge("{}", r#"{"a":1}"#, text), None, "{text}");
        }
    }

    #[test]
    fn nesting_beyond_the_limit_is_one_value() {
        let nested =
            |depth: usize, inner: &str| format!("{}{inner}{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        let merge_at = |depth| {
            merged(
                &nested(depth, r#"{"x":1,"y":1}"#),
                &nested(depth, r#"{"x":2,"y":1}"#),
                &nested(depth, r#"{"x":1,"y":2}"#),
            )
        };
        assert_eq!(merge_at(127), nested(127, r#"{"x":2,"y":2}"#));
        assert_eq!(merge_at(128), nested(128, r#"{"x":2,"y":1}"#));
        assert_eq!(merge_at(100_000), nested(100_000, r#"{"x":2,"y":1}"#));
    }

    // --- Laws ---------------------------------------------------------------------------------------------------------------

    /// Scalars, arrays and objects over few keys, so that the sides meet.
    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-3_i64..12).prop_map(Value::from),
            "[a\"\\\\é\n🦀]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                3 => prop::collection::vec((any_key(), inner), 0..5).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    fn any_key() -> impl Strategy<Value = String> {
        let keys = ["a", "b", "c", "0", "2", "10", "01", "__proto__", "é", "q\"", "4294967294", "4294967295"];
        prop_oneof![9 => prop::sample::select(keys.to_vec()).prop_map(str::to_owned), 1 => "[a-f]{2}"]
    }

    fn any_object(size: usize) -> impl Strategy<Value = Value> {
        prop::collection::vec((any_key(), any_value()), 0..size)
            .prop_map(|members| members.into_iter().collect())
    }

    /// More keys than are looked at one by one.
    fn many_members() -> impl Strategy<Value = Value> {
        let members = prop::collection::vec(("[a-f]{0,2}|[0-9]{2}", 0..3), 0..60);
        members
            .prop_map(|members| members.into_iter().map(|(key, value)| (key, Value::from(value))).collect())
    }

    /// One change somewhere in an object: the way down, the key there, and its new value or its deletion.
    type Edit = (Vec<Index>, String, Option<Value>);

    fn any_edits() -> impl Strategy<Value = Vec<Edit>> {
        let edit = (
            prop::collection::vec(any::<Index>(), 0..4),
            any_key(),
            prop::option::weighted(0.7, any_value()),
        );
        prop::collection::vec(edit, 0..5)
    }

    fn edited(base: &Value, edits: &[Edit]) -> Value {
        let mut root = base.clone();
        for (way, key, value) in edits {
            let mut at = root.as_object_mut().expect("an object");
            for index in way {
                let below: Vec<String> =
                    at.iter().filter(|(_, value)| value.is_object()).map(|(key, _)| key.clone()).collect();
                if below.is_empty() {
                    break;
                }
                at = at[index.get(&below)].as_object_mut().expect("an object");
            }
            match value {
                Some(value) => drop(at.insert(key.clone(), value.clone())),
                None => drop(at.shift_remove(key)),
            }
        }
        root
    }

    /// Three related objects.
    fn any_triple() -> impl Strategy<Value = (Value, Value, Value)> {
        (any_object(8), any_edits(), any_edits()).prop_map(|(base, mine, theirs)| {
            let (mine, theirs) = (edited(&base, &mine), edited(&base, &theirs));
            (base, mine, theirs)
        })
    }

    /// As `JSON.stringify` writes it: array indices first.
    fn canonical(value: &Value) -> Value {
        match value {
            Value::Array(elements) => elements.iter().map(canonical).collect(),
            Value::Object(members) => {
                let index = |key: &str| {
                    key.parse::<u32>().ok().filter(|index| *index < u32::MAX && index.to_string() == key)
                };
                let mut members: Vec<_> =
                    members.iter().map(|(key, value)| (key.clone(), canonical(value))).collect();
                members.sort_by_key(|(key, _)| index(key).unwrap_or(u32::MAX));
                members.into_iter().collect()
            }
            scalar => scalar.clone(),
        }
    }

    fn stringify(value: &Value) -> String {
        canonical(value).to_string()
    }

    fn parse_value(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    /// The merge, on values: what the texts must come to.
    fn model(base: Option<&Value>, mine: Option<&Value>, theirs: Option<&Value>) -> Option<Value> {
        if mine == base || mine == theirs {
            return theirs.cloned();
        }
        if theirs == base {
            return mine.cloned();
        }
        let empty = Map::new();
        match (
            base.map_or(Some(&empty), Value::as_object),
            mine?.as_object(),
            theirs.and_then(Value::as_object),
        ) {
            (Some(base), Some(mine), Some(theirs)) => {
                let new = mine.keys().filter(|key| !theirs.contains_key(*key));
                let keys = theirs.keys().chain(new);
                Some(
                    keys.filter_map(|key| {
                        Some((key.clone(), model(base.get(key), mine.get(key), theirs.get(key))?))
                    })
                    .collect(),
                )
            }
            _ => mine.cloned(),
        }
    }

    fn leaves(value: &Value, path: &str, found: &mut Vec<(String, Value)>) {
        match value.as_object() {
            Some(members) if !members.is_empty() => {
                for (key, value) in members {
                    leaves(value, &format!("{path}/{key:?}"), found);
                }
            }
            _ => found.push((path.to_owned(), value.clone())),
        }
    }

    fn leaves_of(value: &Value) -> Vec<(String, Value)> {
        let mut found = Vec::new();
        leaves(value, "", &mut found);
        found
    }

    /// Another spelling of the same value: keys in reverse order, all characters escaped, whitespace, other numbers.
    fn respelt(value: &Value) -> String {
        let quoted = |text: &str| {
            let escaped: Vec<_> = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
            let escaped = escaped.concat();
            format!("\"{escaped}\"")
        };
        match value {
            Value::Number(number) => format!("{number}.0e0"),
            Value::String(text) => quoted(text),
            Value::Array(elements) => {
                format!("[ {} ]", elements.iter().map(respelt).collect::<Vec<_>>().join(" ,\n"))
            }
            Value::Object(members) => {
                let members: Vec<_> = members
                    .iter()
                    .rev()
                    .map(|(key, value)| format!("{} : {}", quoted(key), respelt(value)))
                    .collect();
                format!("{{\t{} }}", members.join(" , "))
            }
            other => other.to_string(),
        }
    }

    /// What `JSON.parse` makes of it, with the numbers as JavaScript has them.
    fn as_javascript(value: &Value) -> Value {
        match value {
            Value::Number(number) => json!(number.as_f64()),
            Value::Array(elements) => elements.iter().map(as_javascript).collect(),
            Value::Object(members) => {
                members.iter().map(|(key, value)| (key.clone(), as_javascript(value))).collect()
            }
            other => other.clone(),
        }
    }

    proptest! {
            #[test]
            fn a_side_without_a_change_gives_way_to_the_other((base, mine, _) in any_triple()) {
                let (base, mine) = (stringify(&base), stringify(&mine));
                prop_assert_eq!(merged(&base, &base, &mine), mine.clone());
                prop_assert_eq!(merged(&base, &mine, &base), mine.clone());
                prop_assert_eq!(merged(&base, &mine, &mine), mine);
            }

            #[test]
            fn the_texts_come_to_what_the_values_come_to((base, mine, theirs) in any_triple()) {
                let expected = model(Some(&base), Some(&mine), Some(&theirs)).expect("an object");
                let result = merged(&stringify(&base), &stringify(&mine), &stringify(&theirs));
                prop_assert_eq!(parse_value(&result), expected);
            }

            #[test]
    fn many_keys_come_to_what_few_come_to(base in many_members(), mine in many_members(), theirs in many_members()) {
                let expected = model(Some(&base), Some(&mine), Some(&theirs)).expect("an object");
                let result = merged(&stringify(&base), &stringify(&mine), &stringify(&theirs));
                prop_assert_eq!(parse_value(&result), expected);
            }

            #[test]
            fn canonical_texts_give_a_canonical_text((base, mine, theirs) in any_triple()) {
                let result = merged(&stringify(&base), &stringify(&mine), &stringify(&theirs));
                prop_assert_eq!(stringify(&parse_value(&result)), result);
            }

            #[test]
            fn a_result_that_one_side_has_already_is_spelt_as_that_is((base, mine, theirs) in any_triple()) {
                let (mine_text, theirs_text) = (respelt(&mine), respelt(&theirs));
                let result = merged(&stringify(&base), &mine_text, &theirs_text);
                let expected = model(Some(&base), Some(&mine), Some(&theirs)).expect("an object");
                if expected == theirs {
                    prop_assert_eq!(result, theirs_text);
                } else if expected == mine {
                    prop_assert_eq!(result, mine_text);
                }
            }

            #[test]
            fn spelling_and_order_of_keys_do_not_matter((base, mine, theirs) in any_triple(), which in 0..8) {
                let spell = |value: &Value, bit: i32| if which & bit == 0 { stringify(value) } else { respelt(value) };
                let plain = merged(&stringify(&base), &stringify(&mine), &stringify(&theirs));
                let result = merged(&spell(&base, 1), &spell(&mine, 2), &spell(&theirs, 4));
                prop_assert_eq!(as_javascript(&parse_value(&result)), as_javascript(&parse_value(&plain)));
            }

            #[test]
            fn nothing_is_invented((base, mine, theirs) in any_triple()) {
                let result = parse_value(&merged(&stringify(&base), &stringify(&mine), &stringify(&theirs)));
                let known = [leaves_of(&mine), leaves_of(&theirs)].concat();
                for leaf in leaves_of(&result) {
                    // An object that both have emptied differently is empty.
                    prop_assert!(leaf.1 == json!({}) || known.contains(&leaf), "{:?}", leaf);
                }
            }

            #[test]
            fn edits_of_different_fields_all_survive_at_any_depth(
                owners in prop::collection::vec(0..3, 27), deletes in any::<bool>()
            ) {
                // 27 fields three levels deep; each belongs to nobody (0), to mine (1) or to them (2).
                let document = |side: i32| {
                    let mut root = json!({});
                    for (number, owner) in owners.iter().enumerate() {
                        let (one, two, three) = (number / 9, number / 3 % 3, number % 3);
                        let field = &mut root[format!("k{one}")][format!("k{two}")];
                        if *owner != side {
                            field[format!("k{three}")] = json!(0);
                        } else if !deletes {
                            field[format!("k{three}")] = json!(side);
                        } else if field.is_null() {
                            *field = json!({});
                        }
                    }
                    root
                };
                let result = parse_value(&merged(&stringify(&document(3)), &stringify(&document(1)), &stringify(&document(2))));
                for (number, owner) in owners.iter().enumerate() {
                    let field = &result[format!("k{}", number / 9)][format!("k{}", number / 3 % 3)];
                    let expected = (*owner == 0 || !deletes).then(|| json!(owner));
                    prop_assert_eq!(field.get(format!("k{}", number % 3)), expected.as_ref());
                }
            }

            #[test]
            fn a_deletion_survives_whatever_they_did((base, mine, theirs) in any_triple()) {
                let result = parse_value(&merged(&stringify(&base), &stringify(&mine), &stringify(&theirs)));
                for key in base.as_object().expect("an object").keys().filter(|key| mine.get(key).is_none()) {
                    prop_assert_eq!(result.get(key), None);
                }
            }

            #[test]
            fn no_text_makes_merge_panic(base in r#"[\[\]{}:,"a0\\u ]{0,12}"#, mine in r#"[\[\]{}:,"a0\\u ]{0,12}"#, theirs in any::<String>()) {
                let _ = merge(&base, &mine, &theirs);
            }
        }
}
