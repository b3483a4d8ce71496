//! Strings across the border, as V8 has them: UTF-16 in, and Latin-1 or UTF-16 out, which is copying. UTF-8 is what V8
//! takes its time over, so the turning into it and back is done here.

use encoding_rs::{Encoding, mem};
use napi::sys;

/// What is kept of a scratch buffer after a long text, in units.
const KEPT: usize = 256 * 1024;

/// In UTF-8, what is beyond Latin-1 begins with a byte from here on, and nothing else has one.
const FIRST_WIDE: u8 = 0xC4;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Buffers that are used again from call to call.
#[derive(Default)]
pub struct Scratch {
    units: Vec<u16>,
    text: String,
    bytes: Vec<u8>,
}

impl Scratch {
    /// Reads a string's UTF-16; nothing when the value is no string.
    ///
    /// # Safety
    /// `env` and `value` are those of a call that Node.js is making.
    pub unsafe fn units(
        &mut self,
        env: sys::napi_env,
        value: sys::napi_value,
    ) -> Option<&mut [u16]> {
        if self.units.len() < 512 {
            self.units.resize(512, 0);
        }
        let mut length = 0;
        loop {
            let room = self.units.len();
            // SAFETY: `units` has room for as many units as said; Node.js writes no more than that.
            let status = unsafe {
                sys::napi_get_value_string_utf16(
                    env,
                    value,
                    self.units.as_mut_ptr(),
                    room,
                    &raw mut length,
                )
            };
            if status != sys::Status::napi_ok {
                return None;
            }
            if length < room - 1 {
                return Some(&mut self.units[..length]);
            }
            // It may have been cut off.
            // SAFETY: without a buffer the call gives the length only.
            unsafe {
                sys::napi_get_value_string_utf16(
                    env,
                    value,
                    std::ptr::null_mut(),
                    0,
                    &raw mut length,
                )
            };
            self.units.resize(length + 2, 0);
        }
    }

    /// Reads a string as UTF-8; nothing when the value is no string. Lone surrogates, which `JSON.stringify` does not
    /// write, become U+FFFD.
    ///
    /// # Safety
    /// `env` and `value` are those of a call that Node.js is making.
    pub unsafe fn text(&mut self, env: sys::napi_env, value: sys::napi_value) -> Option<&str> {
        // SAFETY: as for this function.
        let length = unsafe { self.units(env, value) }?.len();
        let units = &self.units[..length];
        let is_ascii = |stretch: &[u16]| stretch.iter().fold(0, |all, unit| all | unit) < 0x80;
        if units.chunks(256).all(is_ascii) {
            self.bytes.clear();
            self.bytes
                .extend(units.iter().map(|unit| unit.to_le_bytes()[0]));
            return std::str::from_utf8(&self.bytes).ok();
        }
        // Never made shorter: to fill it anew takes as long as the conversion.
        if self.text.len() < length * 3 {
            self.text = "\0".repeat(length * 3);
        }
        let written = mem::convert_utf16_to_str(units, &mut self.text);
        Some(&self.text[..written])
    }

    /// Makes a JavaScript string that `JSON.parse` takes for the same as that of [`Scratch::string`]: a few characters beyond
    /// Latin-1 are spelt `\\uXXXX`, as V8 parses a text of two bytes for each character more slowly, all of it.
    ///
    /// # Safety
    /// As for [`Scratch::string`].
    pub unsafe fn json(&mut self, env: sys::napi_env, text: &str) -> sys::napi_value {
        let (wide, most) = (wide(text), text.len() / 32);
        if wide == 0 || wide > most {
            // SAFETY: as for this function.
            return unsafe { self.string(env, text) };
        }
        self.bytes.clear();
        escape(text, &mut self.bytes);
        // SAFETY: as for this function.
        unsafe { latin1(env, &self.bytes) }
    }

    /// Makes a JavaScript string; null on failure, which is `undefined`.
    ///
    /// # Safety
    /// `env` is that of a call that Node.js is making.
    pub unsafe fn string(&mut self, env: sys::napi_env, text: &str) -> sys::napi_value {
        let greatest = text.bytes().fold(0, u8::max);
        if greatest < 0x80 {
            // SAFETY: as for this function.
            return unsafe { latin1(env, text.as_bytes()) };
        }
        if greatest < FIRST_WIDE {
            self.bytes.resize(text.len(), 0);
            let written = mem::convert_utf8_to_latin1_lossy(text.as_bytes(), &mut self.bytes);
            // SAFETY: as for this function.
            return unsafe { latin1(env, &self.bytes[..written]) };
        }
        let mut value = std::ptr::null_mut();
        if self.units.len() < text.len() + 1 {
            self.units.resize(text.len() + 1, 0);
        }
        let written = mem::convert_str_to_utf16(text, &mut self.units);
        // SAFETY: as above.
        unsafe {
            sys::napi_create_string_utf16(
                env,
                self.units.as_ptr(),
                written.cast_signed(),
                &raw mut value,
            )
        };
        value
    }

    /// Gives back what a long text has taken.
    pub fn shrink(&mut self) {
        if self.units.len() > KEPT {
            self.units = Vec::new();
        }
        if self.text.len() > KEPT {
            self.text = String::new();
        }
        if self.bytes.len() > KEPT {
            self.bytes = Vec::new();
        }
    }
}

/// How many characters of a text are beyond Latin-1.
fn wide(text: &str) -> usize {
    // Counted in bytes for a stretch at a time, which the compiler does for many at once.
    let count = |stretch: &[u8]| -> u8 {
        stretch
            .iter()
            .map(|byte| u8::from(*byte >= FIRST_WIDE))
            .sum()
    };
    text.as_bytes()
        .chunks(128)
        .map(|stretch| usize::from(count(stretch)))
        .sum()
}

/// Writes a JSON text in Latin-1.
fn escape(mut text: &str, out: &mut Vec<u8>) {
    loop {
        let (plain, rest) = text.split_at(Encoding::ascii_valid_up_to(text.as_bytes()));
        out.extend_from_slice(plain.as_bytes());
        let mut characters = rest.chars();
        let Some(character) = characters.next() else {
            return;
        };
        text = characters.as_str();
        if let Ok(byte) = u8::try_from(character) {
            out.push(byte);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            out.extend_from_slice(b"\\u");
            out.extend([12, 8, 4, 0].map(|shift| HEX[usize::from(*unit >> shift & 0xF)]));
        }
    }
}

/// Makes a JavaScript string of Latin-1; null on failure, which is `undefined`.
///
/// # Safety
/// `env` is that of a call that Node.js is making.
unsafe fn latin1(env: sys::napi_env, bytes: &[u8]) -> sys::napi_value {
    let mut value = std::ptr::null_mut();
    // SAFETY: the pointer and the length belong to one slice.
    unsafe {
        sys::napi_create_string_latin1(
            env,
            bytes.as_ptr().cast(),
            bytes.len().cast_signed(),
            &raw mut value,
        )
    };
    value
}
