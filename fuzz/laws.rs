//! What holds for any bytes that anybody may send or store: the fuzz targets, and `tests/laws.rs`, which runs them over the
//! corpus and mutations of it.

use serde_json::{Value, json};
use session_core::key::{Key, fingerprint};
use session_core::merge::merge as merge_texts;
use session_core::record::{record_text, session_of};

/// Between the three texts of a merge: a byte that is in no UTF-8 text.
pub const SEPARATOR: u8 = 0xff;

/// Only the one form of a key is taken, and given back as it was.
pub fn key(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if let Some(key) = Key::parse(text) {
        assert_eq!(key.to_string(), text);
        let uuid = uuid_of(text);
        assert_eq!(uuid >> 76 & 0xf, 4, "version");
        assert_eq!(uuid >> 62 & 0b11, 0b10, "variant");
        assert!(!format!("{key:?}").contains(text), "Debug shows the key");
    } else {
        assert!(!is_key(text), "a key was refused");
    }
    assert_eq!(fingerprint(text).len(), 8);
}

fn is_key(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && parts.concat().bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        && parts[2].starts_with('4')
        && parts[3].starts_with(['8', '9', 'a', 'b'])
}

fn uuid_of(text: &str) -> u128 {
    u128::from_str_radix(&text.replace('-', ""), 16).expect("hexadecimal digits")
}

/// What is taken for a record leads to the session that its text names, and is written as a record of the same.
pub fn record(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let Some(sid) = session_of(text, None) else {
        return;
    };
    let value: Value = serde_json::from_str(text).expect("a record is JSON");
    assert_eq!(value["id"], sid);
    assert!(!sid.is_empty());
    assert!(value["cookie"].is_object());
    assert_eq!(session_of(&record_text(&sid, "c", 1, "1970-01-01T00:00:00.001Z"), Some("c")), Some(sid));
}

/// The laws of a merge.
pub fn merge(data: &[u8]) {
    let mut texts = data.splitn(3, |byte| *byte == SEPARATOR);
    let (Some(base), Some(mine), Some(theirs)) = (texts.next(), texts.next(), texts.next()) else {
        return;
    };
    let (Ok(base), Ok(mine), Ok(theirs)) =
        (str::from_utf8(base), str::from_utf8(mine), str::from_utf8(theirs))
    else {
        return;
    };
    let merged = merge_texts(base, mine, theirs);
    // What follows is what serde_json can read, too: no lone surrogates, nothing below its depth.
    let (Some(base_value), Some(mine_value), Some(theirs_value)) =
        (object(base), object(mine), object(theirs))
    else {
        return;
    };
    let merged = merged.expect("three objects can be merged");
    let result = object(&merged).expect("a merge gives an object");

    // Identity: a side that has changed nothing, in whatever spelling, gives way to the other.
    let respelt = serde_json::to_string_pretty(&base_value).expect("JSON");
    assert_eq!(again(base, &respelt, theirs), theirs_value);
    assert_eq!(again(base, mine, &respelt), mine_value);
    // Another spelling is no change.
    if respelt != base {
        let outcome = merge_texts(base, mine, &respelt).expect("three objects can be merged");
        assert_eq!(outcome, if base_value == mine_value { &respelt } else { mine });
    }
    // Idempotence: my changes, once they are in, change nothing more.
    assert_eq!(again(base, mine, &merged), result);

    let (mine_leaves, theirs_leaves) = (leaves(&mine_value), leaves(&theirs_value));
    for leaf in leaves(&result) {
        // No invention. An object that has lost its members to both sides is neither's leaf.
        assert!(
            mine_leaves.contains(&leaf) || theirs_leaves.contains(&leaf) || leaf.1 == json!({}),
            "nobody has written {leaf:?}"
        );
    }
    // Nothing is lost that both sides have.
    let kept = leaves(&result);
    for leaf in &mine_leaves {
        assert!(
            !theirs_leaves.contains(leaf) || kept.contains(leaf) || leaf.1 == json!({}),
            "{leaf:?} is lost"
        );
    }
}

fn again(base: &str, mine: &str, theirs: &str) -> Value {
    let merged = merge_texts(base, mine, theirs).expect("three objects can be merged");
    object(&merged).expect("a merge gives an object")
}

/// What JavaScript makes of a text, if it is an object.
fn object(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text).ok()?;
    value.is_object().then(|| as_javascript(&value))
}

/// With numbers as JavaScript has them.
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

/// Every value that is no object, and every empty object, with the way to it.
fn leaves(value: &Value) -> Vec<(Vec<String>, Value)> {
    fn walk(value: &Value, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, Value)>) {
        match value.as_object() {
            Some(members) if !members.is_empty() => {
                for (key, value) in members {
                    path.push(key.clone());
                    walk(value, path, found);
                    path.pop();
                }
            }
            _ => found.push((path.clone(), value.clone())),
        }
    }
    let mut found = Vec::new();
    walk(value, &mut Vec::new(), &mut found);
    found
}
