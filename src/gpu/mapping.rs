//! Waiting for buffers to be mapped, without blocking: in a browser the page itself must run for that.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use wgpu::{Buffer, MapMode};

/// Whether all of some buffers were mapped for reading. It is ready once wgpu has called back for each, or has dropped a
/// callback without calling it, as it does where the device is gone.
pub struct Mapping(Arc<Mutex<State>>);

struct State {
    /// Buffers without a callback so far.
    left: usize,
    all_mapped: bool,
    waker: Option<Waker>,
}

/// A buffer's callback.
struct Callback {
    state: Arc<Mutex<State>>,
    is_mapped: bool,
}

impl Callback {
    fn call(mut self, is_mapped: bool) {
        self.is_mapped = is_mapped;
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.left -= 1;
        state.all_mapped &= self.is_mapped;
        let waker = if state.left == 0 { state.waker.take() } else { None };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Mapping {
    /// Maps these buffers for reading.
    pub fn of(buffers: &[Buffer]) -> Self {
        let (mapping, callbacks) = Self::new(buffers.len());
        for (buffer, callback) in buffers.iter().zip(callbacks) {
            buffer.map_async(MapMode::Read, .., move |result| callback.call(result.is_ok()));
        }
        mapping
    }

    fn new(count: usize) -> (Self, Vec<Callback>) {
        let state = Arc::new(Mutex::new(State { left: count, all_mapped: true, waker: None }));
        let callbacks = (0..count).map(|_| Callback { state: state.clone(), is_mapped: false }).collect();
        (Self(state), callbacks)
    }
}

impl Future for Mapping {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.left == 0 {
            return Poll::Ready(state.all_mapped);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;
    use std::thread;

    use pollster::block_on;

    use super::*;

    #[test]
    fn it_waits_for_every_callback() {
        let (mapping, callbacks) = Mapping::new(3);
        let caller = thread::spawn(move || callbacks.into_iter().for_each(|callback| callback.call(true)));
        assert!(block_on(mapping));
        caller.join().unwrap();
        assert!(block_on(Mapping::new(0).0));
    }

    #[test]
    fn the_last_callback_wakes_who_asked_before_the_first() {
        struct Wakes(AtomicUsize);
        impl Wake for Wakes {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let wakes = Arc::new(Wakes(AtomicUsize::new(0)));
        let waker = Waker::from(wakes.clone());
        let (mut mapping, callbacks) = Mapping::new(3);
        let mut poll = || Pin::new(&mut mapping).poll(&mut Context::from_waker(&waker));
        assert_eq!(poll(), Poll::Pending);
        for callback in callbacks {
            assert_eq!(wakes.0.load(Ordering::SeqCst), 0);
            callback.call(true);
        }
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
        assert_eq!(poll(), Poll::Ready(true));
    }

    #[test]
    fn a_callback_that_is_dropped_uncalled_ends_the_wait() {
        let (mapping, mut callbacks) = Mapping::new(2);
        callbacks.remove(0).call(true);
        drop(callbacks);
        assert!(!block_on(mapping));
    }
}
