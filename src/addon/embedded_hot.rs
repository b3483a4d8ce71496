//! The embedded store's functions on the path of every event and request, registered by hand. Numbers and strings only.

use std::{
    cell::{Cell, RefCell},
    num::NonZeroU32,
    panic::{AssertUnwindSafe, catch_unwind},
};

use napi::{Env, bindgen_prelude::*, sys};
use napi_derive::napi;

use super::{embedded, hot::define, index, text::Scratch};
use crate::{
    error::Error,
    store::{Commit, Due, Refused, Shaped, Store, sid},
};

/// What a function gives when JavaScript has to tell the end of the session, or spell its cookie.
const FOREIGN: f64 = -1000.0;

/// What calls leave for each other in one environment.
#[derive(Default)]
struct Bench {
    sid: Vec<u8>,
    scratch: Scratch,
    /// A cookie, or a session with its cookie.
    spelling: String,
}

thread_local! {
    static BENCH: RefCell<Bench> = RefCell::default();
    /// Where a second answer goes: the version of what was read or written.
    static SECOND: Cell<*mut f64> = const { Cell::new(std::ptr::null_mut()) };
}

/// The functions of open embedded stores (the number that `openStore` gave) on the path of every event.
///
/// `version` gets, at its index 0, the version of what `get` has read, and of what `set` and `replace` have written. What is
/// below 0 is the index of an error, counted from -1 down; -1000 says that `expires` (the end of the session, in ms since
/// 1970, or -1 for the store's `ttl`) has to be told instead of NaN, or the cookie has to be spelt.
///
/// - `get(store, sid)` gives a session's text.
/// - `getJson(store, sid)` gives a text that `JSON.parse` takes for the same as that of `get`, sooner.
/// - `has(store, sid)` gives 1 when there is such a session, with a cookie that is an object; else 0.
/// - `set(store, sid, text, expires)` gives 0.
/// - `setShaped(store, sid, rest, shape, maxAge, expires)` gives 0: the session has a cookie of a registered shape, and `rest`
///   is the text of an object with all of the others of its fields.
/// - `touch(store, sid, shape, maxAge, expires)` gives 1, or 0 when there is no such session.
/// - `touchText(store, sid, cookie, expires)`: the same with the cookie's text.
/// - `replace(store, sid, version, text, expires, renew)` gives 0 when it has written, 1 when the session is gone, and 2
///   when somebody has written it since that version.
/// - `destroy(store, sid)` gives 1, or 0 when there was no such session.
#[napi(
    catch_unwind,
    ts_args_type = "version: Float64Array",
    ts_return_type = "{ get(store: number, sid: string): string | undefined; getJson(store: number, sid: string): string | undefined; has(store: number, sid: string): number; set(store: number, sid: string, text: string, expires: number): number; setShaped(store: number, sid: string, rest: string, shape: number, maxAge: number, expires: number): number; touch(store: number, sid: string, shape: number, maxAge: number, expires: number): number; touchText(store: number, sid: string, cookie: string, expires: number): number; replace(store: number, sid: string, version: number, text: string, expires: number, renew: number): number; destroy(store: number, sid: string): number }"
)]
pub fn embedded_hot(env: Env, mut version: Float64Array) -> Result<Object<'static>> {
    // SAFETY: JavaScript keeps the array for as long as the environment lives, and shows it to nobody else.
    let place = unsafe { version.as_mut() };
    SECOND.set(place.as_mut_ptr());
    let mut object = Object::new(&env)?;
    define(&env, &mut object, "get", get)?;
    define(&env, &mut object, "getJson", get_json)?;
    define(&env, &mut object, "has", has)?;
    define(&env, &mut object, "set", set)?;
    define(&env, &mut object, "setShaped", set_shaped)?;
    define(&env, &mut object, "touch", touch)?;
    define(&env, &mut object, "touchText", touch_text)?;
    define(&env, &mut object, "replace", replace)?;
    define(&env, &mut object, "destroy", destroy)?;
    // SAFETY: the object lives in the handle scope of this call, which ends after it has been returned.
    Ok(unsafe { std::mem::transmute::<Object<'_>, Object<'static>>(object) })
}

fn second(version: u64) {
    let place = SECOND.get();
    if !place.is_null() {
        // SAFETY: `embedded_hot` got the array of this environment, which lives as long.
        unsafe { *place = version as f64 };
    }
}

/// One call: its environment and its arguments.
struct Call<const N: usize> {
    env: sys::napi_env,
    arguments: [sys::napi_value; N],
}

impl<const N: usize> Call<N> {
    /// # Safety
    /// `env` and `info` are those of the call that Node.js is making.
    unsafe fn new(env: sys::napi_env, info: sys::napi_callback_info) -> Self {
        let mut arguments = [std::ptr::null_mut(); N];
        let mut count = N;
        // SAFETY: `arguments` has room for `count` values; what is missing becomes `undefined`.
        unsafe {
            sys::napi_get_cb_info(
                env,
                info,
                &raw mut count,
                arguments.as_mut_ptr(),
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
        Self { env, arguments }
    }

    /// A number; NaN when the argument is none.
    fn number(&self, at: usize) -> f64 {
        let mut number = f64::NAN;
        // SAFETY: the arguments are those of this call; a value that is no number leaves `number` as it is.
        unsafe { sys::napi_get_value_double(self.env, self.arguments[at], &raw mut number) };
        number
    }

    /// A cookie as three numbers: its shape, its `originalMaxAge` and its end, which is NaN where it has none.
    fn cookie(&self, at: usize) -> Option<Shaped> {
        let end = self.number(at + 2);
        Some(Shaped {
            shape: NonZeroU32::new(self.number(at) as u32)?,
            max_age: self.number(at + 1) as u64,
            end: (!end.is_nan()).then_some(end as i64),
        })
    }

    /// Runs with the store, and the key of the session id, that the first two arguments name. A session id that is no
    /// string, and a store that is not open, are `closed`.
    fn with<R>(&self, closed: R, run: impl FnOnce(&Self, &Store, &mut Bench) -> R) -> R {
        let run = || {
            BENCH.with_borrow_mut(|bench| {
                // SAFETY: the arguments are those of this call.
                let units = unsafe { bench.scratch.units(self.env, self.arguments[1]) };
                sid::write_key(units?, &mut bench.sid);
                let result = embedded::with(self.number(0), |store| run(self, store, bench));
                bench.scratch.shrink();
                result
            })
        };
        catch_unwind(AssertUnwindSafe(run))
            .ok()
            .flatten()
            .unwrap_or(closed)
    }

    /// As [`Call::with`], for functions that give a session's text; `undefined` when there is none.
    fn text_with(
        &self,
        make: impl FnOnce(&mut Scratch, &str) -> sys::napi_value,
    ) -> sys::napi_value {
        self.with(std::ptr::null_mut(), |_, store, bench| {
            let Some((text, version)) = store.table.get(&bench.sid, embedded::now()) else {
                return std::ptr::null_mut();
            };
            second(version);
            make(&mut bench.scratch, &text)
        })
    }

    /// As [`Call::with`], for functions that give a number.
    fn number_with(&self, run: impl FnOnce(&Self, &Store, &mut Bench) -> f64) -> sys::napi_value {
        let number = self.with(code(Error::StoreClosed), run);
        let mut value = std::ptr::null_mut();
        // SAFETY: `env` is the environment of this call. On failure the value stays null, which is `undefined`.
        unsafe { sys::napi_create_double(self.env, number, &raw mut value) };
        value
    }
}

fn code(error: Error) -> f64 {
    -1.0 - f64::from(index(error))
}

/// What a set answers: 0, with the version beside it, or why not.
fn written(outcome: std::result::Result<u64, Refused>) -> f64 {
    outcome.map_or_else(refused, |version| {
        second(version);
        0.0
    })
}

fn refused(refused: Refused) -> f64 {
    match refused {
        Refused::Limit(error) => code(error),
        Refused::Foreign => FOREIGN,
    }
}

/// When a session ends, as JavaScript says it.
pub fn due(expires: f64) -> Due {
    if expires.is_nan() {
        Due::Cookie
    } else if expires < 0.0 {
        Due::Ttl
    } else {
        Due::At(expires as u64)
    }
}

unsafe extern "C" fn get(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: called by Node.js with its own environment and call.
    let call = unsafe { Call::<2>::new(env, info) };
    call.text_with(|scratch, text| {
        // SAFETY: as above.
        unsafe { scratch.string(env, text) }
    })
}

unsafe extern "C" fn get_json(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // SAFETY: called by Node.js with its own environment and call.
    let call = unsafe { Call::<2>::new(env, info) };
    call.text_with(|scratch, text| {
        // SAFETY: as above.
        unsafe { scratch.json(env, text) }
    })
}

unsafe extern "C" fn has(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: called by Node.js with its own environment and call.
    let call = unsafe { Call::<2>::new(env, info) };
    call.number_with(|_, store, bench| f64::from(store.table.has(&bench.sid, embedded::now())))
}

unsafe extern "C" fn set(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: called by Node.js with its own environment and call.
    let call = unsafe { Call::<4>::new(env, info) };
    call.number_with(|call, store, bench| {
        // SAFETY: as above.
        let Some(text) = (unsafe { bench.scratch.text(env, call.arguments[2]) }) else {
            return code(Error::InvalidDocument);
        };
        written(
            store
                .table
                .set(&bench.sid, text, due(call.number(3)), embedded::now()),
        )
    })
}

unsafe extern "C" fn set_shaped(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // SAFETY: called by Node.js with its own environment and call.
    let call = unsafe { Call::<6>::new(env, info) };
    call.number_with(|call, store, bench| {
        let Bench {
            sid,
            scratch,
            spelling,
        } = bench;
        // SAFETY: as above.
        let Some(rest) = (unsafe { scratch.text(env, call.arguments[2]) }) else {
            return code(Error::InvalidDocument);
        };
        let Some(cookie) = call.cookie(3) else {
            return FOREIGN;
        };
        written(
            store
                .table
                .set_shaped(sid, cookie, rest, spelling, embedded::now()),
        )
    })
}

unsafe extern "C" fn touch(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: called by Node.js with its own environment and call.
    let call = unsafe { Call::<5>::new(env, info) };
    call.number_with(|call, store, bench| {
        let Some(cookie) = call.cookie(2) else {
            return FOREIGN;
        };
        store
            .table
            .touch_shaped(&bench.sid, cookie, &mut bench.spelling, embedded::now())
            .map_or_else(refused, f64::from)
    })
}

unsafe extern "C" fn touch_text(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // SAFETY: called by Node.js with its own environment and call.
    let call = unsafe { Call::<4>::new(env, info) };
    call.number_with(|call, store, bench| {
        // SAFETY: as above.
        let Some(cookie) = (unsafe { bench.scratch.text(env, call.arguments[2]) }) else {
            return code(Error::InvalidDocument);
        };
        store
            .table
            .touch(&bench.sid, cookie, due(call.number(3)), embedded::now())
            .map_or_else(refused, f64::from)
    })
}

unsafe extern "C" fn replace(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: called by Node.js with its own environment and call.
    let call = unsafe { Call::<6>::new(env, info) };
    call.number_with(|call, store, bench| {
        // SAFETY: as above.
        let Some(text) = (unsafe { bench.scratch.text(env, call.arguments[3]) }) else {
            return code(Error::InvalidDocument);
        };
        let version = call.number(2) as u64;
        let renewal = (due(call.number(4)), call.number(5) > 0.0);
        match store
            .table
            .replace(&bench.sid, version, text, renewal, embedded::now())
        {
            Ok(Commit::Written(version)) => {
                second(version);
                0.0
            }
            Ok(Commit::Gone) => 1.0,
            Ok(Commit::Changed | Commit::Merged(..)) => 2.0,
            Err(error) => refused(error),
        }
    })
}

unsafe extern "C" fn destroy(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: called by Node.js with its own environment and call.
    let call = unsafe { Call::<2>::new(env, info) };
    call.number_with(|_, store, bench| f64::from(store.table.destroy(&bench.sid)))
}
