//! The threads that hand messages and events over, and look at requests for a way back.

#[cfg(feature = "mail")]
use super::handing::Handing;
use super::store::Channel;
use super::told::Told;
use crate::app::App;
use crate::config::Way;
use crate::db;
use crate::error::Result;
use crate::threads;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long rows wait at most until they are seen, of which this process knows.
const PAUSE: Duration = Duration::from_secs(1);

/// The same of those that another process has written, or that wait for another try.
const IDLE: Duration = Duration::from_secs(30);

/// How long the end of a thread is waited for. A webhook that does not answer keeps its own longer; its row is taken
/// again by whoever is there then.
const END: Duration = Duration::from_secs(3);

/// What is done first in each round.
pub(crate) type Before = fn(&App) -> Result<()>;

/// The threads. Dropping this ends them.
pub(crate) struct Courier(Vec<Hand>);

struct Hand {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Courier {
    /// Starts a thread for messages, and one for events where they are posted. `before` is done by the first,
    /// whenever it looks: in the seconds after something was written here, and every half minute.
    ///
    /// # Errors
    /// [`Error::Startup`](crate::Error::Startup).
    pub(crate) fn start(app: &Arc<App>, before: Before) -> Result<Self> {
        let mut hands = vec![Hand::start(Arc::clone(app), Channel::Mail, before)?];
        if app.config().events.way() == Way::Webhook {
            hands.push(Hand::start(Arc::clone(app), Channel::Event, |_| Ok(()))?);
        }
        Ok(Self(hands))
    }
}

impl Hand {
    fn start(app: Arc<App>, of: Channel, before: Before) -> Result<Self> {
        let (stop, stopped) = channel();
        let thread = threads::start(of.name(), move || {
            #[cfg(feature = "mail")]
            let handing = Handing::new(&app, of);
            run(
                &app,
                &stopped,
                before,
                #[cfg(feature = "mail")]
                handing,
            );
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        for hand in &mut self.0 {
            drop(hand.stop.take());
        }
        let end = Instant::now() + END;
        for hand in &mut self.0 {
            let Some(thread) = hand.thread.take() else { continue };
            while !thread.is_finished() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(5));
            }
            if thread.is_finished() && thread.join().is_err() {
                log::error!("a thread that hands messages over panicked");
            }
        }
    }
}

fn run(
    app: &App,
    stopped: &Receiver<()>,
    before: Before,
    #[cfg(feature = "mail")] mut handing: Handing<'_>,
) {
    let mut looked: Option<Instant> = None;
    let mut told = Told::default();
    while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        let is_due = looked.is_none_or(|looked| looked.elapsed() >= IDLE) || app.is_stirred();
        #[cfg(feature = "mail")]
        let is_due = is_due || handing.is_resting();
        if !is_due || app.database_at_hand().is_none() {
            continue;
        }
        looked = Some(Instant::now());
        let outcome = before(app);
        #[cfg(feature = "mail")]
        let outcome = outcome.and_then(|()| {
            let is_stopping =
                || stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Disconnected);
            handing.hand_over(&is_stopping, &mut told)
        });
        if let Err(error) = outcome
            && !app.is_ending()
        {
            told.tell(db::level(&error), &format!("messages wait: {error}"));
        }
    }
}
