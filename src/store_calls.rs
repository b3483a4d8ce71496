//! The functions on the path of every event, registered by hand: 10 to 30 ns a call instead of 25 to 245.

use std::panic::{AssertUnwindSafe, catch_unwind};

use napi::{Env, bindgen_prelude::*, sys};
use napi_derive::napi;

use super::{
    desk::{self, now},
    watch,
};
use crate::ticket::{Answer, Line, Ticket};

/// The functions on the path of every event. Numbers only.
///
/// - `open(line, timeout)` takes a ticket for a store call, due `timeout` ms from now, in a socket's line (-1: in none).
///   Gives 0 when too many calls are in flight.
/// - `answer(ticket)` tells what to do with an answer: 0 drop it, 1 hold it until it is released, 2 go on,
///   3 go on and then call `release`.
/// - `release(line)` gives the next held ticket whose turn has come, or 0.
/// - `clock(store)` gives the clock of an adopted store's versions: what a load notes.
#[napi(
    catch_unwind,
    ts_return_type = "{ open(line: number, timeout: number): number; answer(ticket: number): number; release(line: number): number; clock(store: number): number }"
)]
pub fn hot(env: Env) -> Result<Object<'static>> {
    let mut object = Object::new(&env)?;
    define(&env, &mut object, "open", open)?;
    define(&env, &mut object, "answer", answer)?;
    define(&env, &mut object, "release", release)?;
    define(&env, &mut object, "clock", clock)?;
    // SAFETY: the object lives in the handle scope of this call, which ends after it has been returned.
    Ok(unsafe { std::mem::transmute::<Object<'_>, Object<'static>>(object) })
}

/// What Node.js calls.
pub type Entry = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

/// Makes a function of an entry, and puts it on an object.
pub fn define(env: &Env, object: &mut Object<'_>, name: &str, entry: Entry) -> Result<()> {
    let mut function = std::ptr::null_mut();
    // SAFETY: `env` is the environment of this call; the name's pointer and length belong to one `str`.
    check_status!(unsafe {
        sys::napi_create_function(
            env.raw(),
            name.as_ptr().cast(),
            name.len().cast_signed(),
            Some(entry),
            std::ptr::null_mut(),
            &raw mut function,
        )
    })?;
    // SAFETY: `function` was made by the call above in this environment.
    let function = unsafe { Unknown::from_raw_unchecked(env.raw(), function) };
    object.set_named_property(name, function)
}

/// Reads up to `N` numbers. What is missing or no number is -1, which no entry takes for something that exists.
unsafe fn numbers<const N: usize>(env: sys::napi_env, info: sys::napi_callback_info) -> [f64; N] {
    let mut arguments = [std::ptr::null_mut(); N];
    let mut count = N;
    // SAFETY: `arguments` has room for `count` values, as the call requires; the other outputs may be null.
    let status = unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &raw mut count,
            arguments.as_mut_ptr(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        )
    };
    if status != sys::Status::napi_ok {
        return [-1.0; N];
    }
    arguments.map(|argument| {
        let mut number = -1.0;
        // SAFETY: Node.js fills missing arguments with `undefined`; a value that is no number leaves `number` as it is.
        unsafe { sys::napi_get_value_double(env, argument, &raw mut number) };
        number
    })
}

unsafe fn entry<const N: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    run: impl FnOnce([f64; N]) -> u64,
) -> sys::napi_value {
    // SAFETY: `env` and `info` are those of the call that Node.js is making.
    let numbers = unsafe { numbers(env, info) };
    let result = catch_unwind(AssertUnwindSafe(|| run(numbers))).unwrap_or(0);
    let mut value = std::ptr::null_mut();
    #[expect(
        clippy::cast_precision_loss,
        reason = "tickets and clocks stay below 2^53"
    )]
    // SAFETY: `env` is the environment of this call. On failure the value stays null, which is `undefined`.
    unsafe {
        sys::napi_create_double(env, result as f64, &raw mut value)
    };
    value
}

/// A number from JavaScript as one of ours. `as` saturates: -1 becomes 0, and no ticket is 0.
fn whole(number: f64) -> u64 {
    number as u64
}

fn line(number: f64) -> Option<Line> {
    (number >= 0.0).then(|| Line::from_number(u32::try_from(whole(number)).unwrap_or(u32::MAX)))
}

unsafe extern "C" fn open(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let run = |[number, timeout]: [f64; 2]| {
        desk::with(|desk| {
            let due = now().saturating_add(whole(timeout));
            let opened = desk.tickets.lock().open(line(number), due);
            watch::wake(desk);
            opened.map_or(0, Ticket::number)
        })
    };
    // SAFETY: called by Node.js with its own environment and call.
    unsafe { entry(env, info, run) }
}

unsafe extern "C" fn answer(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let run = |[number]: [f64; 1]| {
        desk::with(|desk| {
            match desk
                .tickets
                .lock()
                .answer(Ticket::from_number(whole(number)))
            {
                Answer::Ignore => 0,
                Answer::Hold => 1,
                Answer::Run => 2,
                Answer::RunAndRelease => 3,
            }
        })
    };
    // SAFETY: called by Node.js with its own environment and call.
    unsafe { entry(env, info, run) }
}

unsafe extern "C" fn release(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let run = |[number]: [f64; 1]| {
        line(number)
            .and_then(|line| desk::with(|desk| desk.tickets.lock().release(line)))
            .map_or(0, Ticket::number)
    };
    // SAFETY: called by Node.js with its own environment and call.
    unsafe { entry(env, info, run) }
}

unsafe extern "C" fn clock(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let run = |[store]: [f64; 1]| {
        let store = u32::try_from(whole(store)).unwrap_or(u32::MAX);
        desk::with_store(store, |store| store.versions.clock()).unwrap_or(0)
    };
    // SAFETY: called by Node.js with its own environment and call.
    unsafe { entry(env, info, run) }
}
