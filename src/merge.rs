//! The merge of session texts.

use napi_derive::napi;
use session_core::error::Error;
use session_core::merge::{self, Merged};

/// Merges the session texts `mine` and `theirs`, both made from `base`. Gives the text to write, or null when `mine` changed
/// nothing and there is nothing to write. Throws when a text is no JSON object.
#[napi(catch_unwind)]
pub fn merge(base: String, mine: String, theirs: String) -> napi::Result<Option<String>> {
    match merge::merge(&base, &mine, &theirs) {
        Some(Merged::Mine) => Ok(Some(mine)),
        Some(Merged::Theirs) => Ok(None),
        Some(Merged::Text(text)) => Ok(Some(text)),
        None => Err(napi::Error::from_reason(Error::InvalidDocument.describe().2)),
    }
}
