//! The merge of session texts.

use std::borrow::Cow;

use napi_derive::napi;
use session_core::{error::Error, merge};

/// Merges the session texts `mine` and `theirs`, both made from `base`. Gives the text to write, which is `theirs` when there is
/// nothing to write. Throws when a text is no JSON object.
#[napi(catch_unwind)]
pub fn merge(base: String, mine: String, theirs: String) -> napi::Result<String> {
    let merged = merge::merge(&base, &mine, &theirs).map(Cow::into_owned);
    merged.ok_or_else(|| napi::Error::from_reason(Error::InvalidDocument.describe().2))
}
