//! The fuzz targets over their corpus and mutations of it, without a fuzzer: a few seconds, on any toolchain.

#[path = "../../../fuzz/laws.rs"]
mod laws;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

/// What is put into an input now and then, as a fuzzer's dictionary.
const TOKENS: [&[u8]; 24] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\"",
    b"\\",
    b"\\u0041",
    b"\\ud800",
    b"null",
    b"true",
    b"-0",
    b"1e400",
    b"0.1",
    b"\"a\":1",
    b"\"a\":{\"b\":2}",
    b"\"0\":[]",
    b"\"__proto__\":{}",
    b"\"cookie\":{}",
    b"\"id\":\"s\"",
    b"\"__io_session\":{\"v\":1,\"channel\":\"c\"}",
    b"4",
    &[laws::SEPARATOR],
];

/// One step from an input to another.
#[derive(Clone, Debug)]
enum Edit {
    Set(Index, u8),
    Insert(Index, Index),
    Remove(Index, usize),
    /// The rest of another input in place of its own.
    Splice(Index, Index, Index),
    Repeat(Index, usize),
}

fn any_edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (any::<Index>(), any::<Index>()).prop_map(|(at, token)| Edit::Insert(at, token)),
        (any::<Index>(), 1..20_usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        (any::<Index>(), any::<Index>(), any::<Index>())
            .prop_map(|(at, other, from)| Edit::Splice(at, other, from)),
        (any::<Index>(), 1..200_usize).prop_map(|(at, times)| Edit::Repeat(at, times)),
    ]
}

fn edited(mut input: Vec<u8>, edits: &[Edit], corpus: &[Vec<u8>]) -> Vec<u8> {
    for edit in edits {
        let place = |at: &Index| at.index(input.len() + 1);
        match edit {
            Edit::Set(at, byte) if !input.is_empty() => {
                let at = at.index(input.len());
                input[at] = *byte;
            }
            Edit::Set(..) => {}
            Edit::Insert(at, token) => {
                let at = place(at);
                input.splice(at..at, token.get(&TOKENS).iter().copied());
            }
            Edit::Remove(at, length) => {
                let at = place(at);
                input.drain(at..input.len().min(at + length));
            }
            Edit::Splice(at, other, from) => {
                let other = other.get(corpus);
                input.truncate(place(at));
                input.extend_from_slice(&other[from.index(other.len() + 1)..]);
            }
            Edit::Repeat(at, times) => {
                let at = place(at);
                let piece = input[at..input.len().min(at + 8)].repeat(*times);
                input.splice(at..at, piece);
            }
        }
    }
    input
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut inputs: Vec<_> = fs::read_dir(folder)
        .expect("the corpus is in the repository")
        .map(|entry| fs::read(entry.expect("an entry").path()).expect("a file"))
        .collect();
    assert!(inputs.len() >= 5, "{target} has a corpus");
    inputs.sort();
    inputs
}

fn hold(target: &str, law: fn(&[u8]), cases: u32) {
    let corpus = corpus(target);
    for input in &corpus {
        law(input);
    }
    let inputs = (any::<Index>(), prop::collection::vec(any_edit(), 1..6));
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |((seed, edits) in inputs)| {
        law(&edited(seed.get(&corpus).clone(), &edits, &corpus));
    });
}

#[test]
fn the_laws_of_a_key_hold() {
    hold("key", laws::key, 10_000);
}

#[test]
fn the_laws_of_a_record_hold() {
    hold("record", laws::record, 10_000);
}

#[test]
fn the_laws_of_a_merge_hold() {
    hold("merge", laws::merge, 10_000);
}
