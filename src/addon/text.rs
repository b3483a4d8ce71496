//! Strings across the border, as V8 has them: UTF-16 in, and Latin-1 or UTF-16 out, which is copying. UTF-8 is what V8
//! takes its time over, so the turning into it and back is done here.

use encoding_rs::mem;
use napi::sys;

/// What is kept of a scratch buffer after a long text, in units.
const KEPT: usize = 256 * 1024;

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
        // Never made shorter: to fill it anew takes as long as the conversion.
        if self.text.len() < length * 3 {
            self.text = "\0".repeat(length * 3);
        }
        let written = mem::convert_utf16_to_str(units, &mut self.text);
        Some(&self.text[..written])
    }

    /// Makes a JavaScript string; null on failure, which is `undefined`.
    ///
    /// # Safety
    /// `env` is that of a call that Node.js is making.
    pub unsafe fn string(&mut self, env: sys::napi_env, text: &str) -> sys::napi_value {
        let mut value = std::ptr::null_mut();
        let ascii = text.is_ascii();
        if ascii || mem::is_str_latin1(text) {
            let bytes = if ascii {
                text.as_bytes()
            } else {
                if self.bytes.len() < text.len() {
                    self.bytes.resize(text.len(), 0);
                }
                let written = mem::convert_utf8_to_latin1_lossy(text.as_bytes(), &mut self.bytes);
                &self.bytes[..written]
            };
            // SAFETY: the pointer and the length belong to one slice.
            unsafe {
                sys::napi_create_string_latin1(
                    env,
                    bytes.as_ptr().cast(),
                    bytes.len().cast_signed(),
                    &raw mut value,
                )
            };
            return value;
        }
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
