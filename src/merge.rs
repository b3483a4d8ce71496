//! The merge of session texts.

use std::borrow::Cow;

use napi_derive::napi;
use session_core::merge;

/// Merges the session texts `mine` and `theirs`, both made from `base`. Gives the text to write, which is `theirs` when there is
/// nothing to write; null when a text is no JSON object.
#[napi(catch_unwind)]
pub fn merge(base: String, mine: String, theirs: String) -> Option<String> {
    merge::merge(&base, &mine, &theirs).map(Cow::into_owned)
}
