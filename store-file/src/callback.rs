//! A closure that C can call.

use std::{
    any::Any,
    ffi::c_void,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

/// A closure of the caller's, which the callee calls while it runs and never afterwards.
#[derive(Debug)]
#[repr(C)]
pub struct Callback<'c, A> {
    context: *mut c_void,
    call: unsafe extern "C" fn(*mut c_void, A) -> bool,
    closure: PhantomData<&'c mut ()>,
}

impl<A> Callback<'_, A> {
    /// Calls it. False when it has panicked: the callee has to give up then.
    #[must_use]
    pub fn call(&mut self, argument: A) -> bool {
        // SAFETY: the two come from `Caught::callback`, which is borrowed for as long as this is there.
        unsafe { (self.call)(self.context, argument) }
    }
}

/// A closure, and what it has panicked with: a panic must not cross the border.
pub(crate) struct Caught<F> {
    run: F,
    panic: Option<Box<dyn Any + Send>>,
}

impl<F> Caught<F> {
    pub(crate) fn new(run: F) -> Self {
        Self { run, panic: None }
    }

    pub(crate) fn callback<A>(&mut self) -> Callback<'_, A>
    where
        F: FnMut(A),
    {
        Callback {
            context: (&raw mut *self).cast(),
            call: call::<A, F>,
            closure: PhantomData,
        }
    }

    /// On this side of the border again: the panic goes on, if there was one.
    pub(crate) fn resume(self) {
        if let Some(panic) = self.panic {
            resume_unwind(panic);
        }
    }
}

unsafe extern "C" fn call<A, F: FnMut(A)>(context: *mut c_void, argument: A) -> bool {
    // SAFETY: `Caught::callback` has put it there, and nothing else has it meanwhile.
    let caught = unsafe { &mut *context.cast::<Caught<F>>() };
    match catch_unwind(AssertUnwindSafe(|| (caught.run)(argument))) {
        Ok(()) => true,
        Err(panic) => {
            caught.panic = Some(panic);
            false
        }
    }
}
