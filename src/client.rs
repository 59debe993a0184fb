//! The client's address that the work of this thread is for, as far as it is known.
//!
//! It belongs to a request and not to an operation, and any operation may need it (to count
//! failures, to record who did what). So it is set once around all the work of a request, on the
//! one thread that does it. Otherwise every signature would have to carry it, and an embedding
//! program without clients would have to say "none" each time.

use std::cell::Cell;
use std::net::IpAddr;

thread_local! {
    static ADDRESS: Cell<Option<IpAddr>> = const { Cell::new(None) };
}

/// Does some work for the client at this address. Operations called inside it also count failures
/// of the client's network; outside of it they count those of the login alone.
///
/// ```no_run
/// # use gatepost::{App, domain::Login, passwords::Password};
/// # fn f(app: &App, login: &Login, password: &Password) -> gatepost::Result<()> {
/// let address = "192.0.2.7".parse().ok();
/// let logged_in = gatepost::for_client(address, || gatepost::sessions::log_in(app, login, password))?;
/// # Ok(()) }
/// ```
pub fn for_client<T>(address: Option<IpAddr>, work: impl FnOnce() -> T) -> T {
    /// Puts back the address that was there before, after a panic too.
    struct Restore(Option<IpAddr>);
    impl Drop for Restore {
        fn drop(&mut self) {
            ADDRESS.set(self.0);
        }
    }
    let _restore = Restore(ADDRESS.replace(address));
    work()
}

/// The address of the client that this thread works for.
pub(crate) fn address() -> Option<IpAddr> {
    ADDRESS.get()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn the_address_is_gone_when_the_work_is_done_or_panicked() {
        let one = "192.0.2.1".parse().ok();
        assert_eq!(for_client(one, address), one);
        assert_eq!(address(), None);
        for_client(one, || {
            assert!(catch_unwind(|| for_client(None, || panic!("asked to"))).is_err());
            assert_eq!(address(), one);
        });
        assert_eq!(address(), None);
    }
}
