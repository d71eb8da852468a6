//! How a connection's options are read: in the order in which `core.ts` writes them, nothing where the default holds.

use bowline_client_core::{ClientConfig, Jitter, RenewAfter, SavedPosition};
use bowline_proto::{Cursor, SessionId};

use crate::values::Values;

/// The seed of the connection's chance, and its configuration.
pub(crate) fn read(values: &mut Values<'_>) -> (u64, ClientConfig) {
    let seed = values.whole().unwrap_or_default();
    let mut config = ClientConfig::new();
    macro_rules! take {
        ($($option:ident: $read:ident;)*) => {
            $(if let Some(value) = values.$read() {
                config = config.$option(value);
            })*
        };
    }
    take! {
        backoff_base: millis;
        backoff_cap: millis;
        jitter: jitter;
        max_attempts: count32;
        credential_deadline: millis;
        dial_deadline: millis;
        accept_deadline: millis;
        pong_deadline: millis;
        close_deadline: millis;
        stable_after: millis;
        keepalive: millis;
        outbox_messages: count;
        outbox_bytes: count;
        max_subscriptions: count;
        max_activities: count;
        renew_after: renewal;
        resume_from: saved_position;
    }
    (seed, config)
}

impl Values<'_> {
    fn jitter(&mut self) -> Option<Jitter> {
        self.number().map(|spread| if spread == 0.0 { Jitter::None } else { Jitter::Full })
    }

    fn count32(&mut self) -> Option<u32> {
        self.whole().map(|count| u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn count(&mut self) -> Option<usize> {
        self.whole().map(|count| usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// The age of a link, and whether exactly that.
    fn renewal(&mut self) -> Option<RenewAfter> {
        let (age, is_exact) = (self.millis(), self.flag());
        age.map(|age| match (age.is_zero(), is_exact) {
            (true, _) => RenewAfter::Never,
            (false, true) => RenewAfter::Exactly(age),
            (false, false) => RenewAfter::About(age),
        })
    }

    fn saved_position(&mut self) -> Option<SavedPosition> {
        let is_given = self.flag();
        let (session, epoch, seq) = (self.text(), self.epoch(), self.seq());
        is_given.then(|| SavedPosition {
            session_id: session.and_then(SessionId::new),
            cursor: epoch.zip(seq).map(|(epoch, seq)| Cursor { epoch, seq }),
        })
    }
}
