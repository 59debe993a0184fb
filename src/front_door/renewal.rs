//! Now and then the event loop checks whether the certificate was renewed.

use super::event_loop::{CHECK_TLS, EventLoop};
use super::slots::{Kind, fixed};

impl EventLoop {
    pub(super) fn check_certificates_later(&mut self) {
        if self.certificates.is_some() {
            let at = self.now + self.settings.tuning.tls_check_interval;
            self.deadlines.change(fixed(Kind::Clock, CHECK_TLS), &mut self.tls_at, Some(at));
        }
    }

    pub(super) fn check_certificates(&mut self) {
        self.tls_at = None;
        match self.certificates.as_ref().map(|certificates| certificates.reload_if_changed()) {
            Some(Ok(true)) => log::info!("front door: the certificate was renewed"),
            Some(Err(error)) => {
                log::warn!("front door: the new certificate is not used: {error}");
            }
            _ => {}
        }
        self.check_certificates_later();
    }
}
