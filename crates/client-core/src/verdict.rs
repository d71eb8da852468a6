//! What the end of a link, of a dial or of a token fetch means for the connection.
//!
//! A close code's class alone decides (wire protocol, section 6); a rejection that came before the close is the reason,
//! and a credential that was not accepted gets one more question to the provider.

use core::time::Duration;

use bowline_proto::{CloseCode, Rejected, Retry};

use crate::vocabulary::{CloseReason, CredentialFailure, DialFailure};

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Another attempt, not before `hold` has passed.
    Retry {
        /// What the peer asked us to wait.
        hold: Duration,
        /// For people.
        cause: String,
    },
    /// Ask the provider once more, then stop.
    AskProviderAgain,
    /// No further attempt.
    Stop(CloseReason),
}

impl Verdict {
    /// Another attempt after the backoff.
    pub(crate) fn retry(cause: &str) -> Verdict {
        Verdict::Retry { hold: Duration::ZERO, cause: cause.to_owned() }
    }

    /// For people.
    pub(crate) fn cause(&self) -> String {
        match self {
            Verdict::Retry { cause, .. } => cause.clone(),
            Verdict::AskProviderAgain => "the credential was not accepted".to_owned(),
            Verdict::Stop(reason) => cause_of(reason),
        }
    }
}

/// What a close means, with the rejection that came before it, if one did.
pub(crate) fn of_close(code: CloseCode, rejected: Option<Rejected>) -> Verdict {
    if let Some(rejected) = rejected {
        return of_rejection(rejected, code);
    }
    if code == CloseCode::UNAUTHORIZED {
        return Verdict::AskProviderAgain;
    }
    match code.retry() {
        Retry::Reconnect => Verdict::retry(&described(code)),
        Retry::Stop => Verdict::Stop(CloseReason::Refused(code)),
    }
}

/// A rejection stops, unless the gateway says when to come again, or closes with a code that says "come again".
/// Plain servers close a rejected link with whatever code they like, so there the class of codes below 4000 says nothing.
fn of_rejection(rejected: Rejected, code: CloseCode) -> Verdict {
    if rejected.reason == UNAUTHORIZED || code == CloseCode::UNAUTHORIZED {
        return Verdict::AskProviderAgain;
    }
    let invites = rejected.reason != LIMIT_EXCEEDED
        && (code == CloseCode::GOING_AWAY || (4000..4500).contains(&code.0));
    match rejected.retry_after {
        Some(hold) => Verdict::Retry { hold, cause: rejected_for(&rejected) },
        None if invites => Verdict::retry(&rejected_for(&rejected)),
        None => Verdict::Stop(CloseReason::Rejected(rejected)),
    }
}

/// What a failed dial means.
pub(crate) fn of_dial(failure: DialFailure) -> Verdict {
    match failure {
        DialFailure::Temporary { retry_after, message } => {
            Verdict::Retry { hold: retry_after.unwrap_or_default(), cause: message }
        }
        DialFailure::Unauthorized => Verdict::AskProviderAgain,
        DialFailure::Refused { message } => Verdict::Stop(CloseReason::Unreachable(message)),
    }
}

/// What a failed token fetch means.
pub(crate) fn of_credential(failure: CredentialFailure) -> Verdict {
    match failure {
        CredentialFailure::Temporary { retry_after, message } => {
            Verdict::Retry { hold: retry_after.unwrap_or_default(), cause: message }
        }
        CredentialFailure::Refused { message } => Verdict::Stop(CloseReason::NoCredential(message)),
    }
}

fn described(code: CloseCode) -> String {
    match (code, code.name()) {
        (CloseCode::ABNORMAL, _) => "the link ended without a close".to_owned(),
        (code, name) => {
            let mut text = "closed with ".to_owned();
            push_decimal(&mut text, code.0);
            if !name.is_empty() {
                text.push(' ');
                text.push_str(name);
            }
            text
        }
    }
}

/// What `write!` would do: its machinery is a twentieth of the core where that is compiled small.
fn push_decimal(text: &mut String, number: u16) {
    if number >= 10 {
        push_decimal(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}

fn rejected_for(rejected: &Rejected) -> String {
    "rejected: ".to_owned() + &rejected.reason
}

fn cause_of(reason: &CloseReason) -> String {
    match reason {
        CloseReason::Asked => "closed by the application".to_owned(),
        CloseReason::Rejected(rejected) => rejected_for(rejected),
        CloseReason::Refused(code) => described(*code),
        CloseReason::Unauthorized => "the credential was not accepted".to_owned(),
        CloseReason::NoCredential(message) | CloseReason::Unreachable(message) => message.clone(),
        CloseReason::AttemptsExhausted { last, .. } => last.clone(),
    }
}

const UNAUTHORIZED: &str = "UNAUTHORIZED";
const LIMIT_EXCEEDED: &str = "CONNECTION_LIMIT_EXCEEDED";

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(reason: &str, retry_after: Option<Duration>) -> Option<Rejected> {
        Some(Rejected { reason: reason.into(), message: String::new(), retry_after })
    }

    #[derive(Debug, PartialEq)]
    enum Class {
        Retry(u64),
        Ask,
        Stop,
    }

    #[test]
    fn a_close_means_what_its_class_says_and_a_rejection_comes_first() {
        let second = Some(Duration::from_secs(1));
        for (code, rejection, expected) in [
            (1000, None, Class::Retry(0)),
            (1001, None, Class::Retry(0)),
            (1006, None, Class::Retry(0)),
            (1011, None, Class::Retry(0)),
            (4001, None, Class::Retry(0)),
            (4009, None, Class::Retry(0)),
            (4009, rejected("RATE_LIMITED", second), Class::Retry(1)),
            (4499, None, Class::Retry(0)),
            (4500, None, Class::Stop),
            (4501, None, Class::Ask),
            (1000, rejected("UNAUTHORIZED", None), Class::Ask),
            (4501, rejected("EXPIRED", None), Class::Ask),
            (4502, None, Class::Stop),
            (4503, None, Class::Stop),
            (4503, rejected("CONNECTION_LIMIT_EXCEEDED", None), Class::Stop),
            (4503, rejected("CONNECTION_LIMIT_EXCEEDED", second), Class::Retry(1)),
            (4003, rejected("CONNECTION_LIMIT_EXCEEDED", None), Class::Stop),
            (4003, rejected("DRAINING", None), Class::Retry(0)),
            (1000, rejected("ANYTHING", None), Class::Stop),
            (1006, rejected("ANYTHING", None), Class::Stop),
            (4506, None, Class::Stop),
            (4999, None, Class::Stop),
            (65535, None, Class::Retry(0)),
        ] {
            let class = match of_close(CloseCode(code), rejection.clone()) {
                Verdict::Retry { hold, .. } => Class::Retry(hold.as_secs()),
                Verdict::AskProviderAgain => Class::Ask,
                Verdict::Stop(_) => Class::Stop,
            };
            assert_eq!(class, expected, "{code} {rejection:?}");
        }
    }
}
