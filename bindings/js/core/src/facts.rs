//! Which number of a call means which fact, wish or frame. `core.ts` has the same numbers.

use bowline_client_core::{Command, CredentialFailure, DialFailure, FetchId, Input, LinkId, MessageId};
use bowline_proto::{ActivityStatus, CloseCode, ServerFrame, Topic};

use crate::values::Values;

/// What a call says.
#[derive(Debug)]
pub(crate) enum Said {
    Fact(Input<()>),
    Wish(Command),
    TimePassed,
    /// A wish for a topic that is none.
    NoTopic,
}

/// Reads what call number `what` says about `id`: a link or a fetch.
pub(crate) fn read(what: u32, id: u64, values: &mut Values<'_>) -> Said {
    let (link, fetch) = (LinkId(id), FetchId(id));
    let frame = |frame| Said::Fact(Input::Frame { link, frame });
    match what {
        0 => Said::Wish(Command::Connect),
        1 => Said::Wish(Command::Close),
        2 => Said::Wish(Command::HandOver),
        3 => wish_for(values, Command::Subscribe),
        4 => wish_for(values, Command::Unsubscribe),
        5 => Said::Wish(Command::SendActivity {
            conversation_id: values.text().unwrap_or_default().into(),
            status: ActivityStatus::from_name(values.text().unwrap_or_default()),
        }),
        6 => Said::Wish(Command::Send {
            message: MessageId(id),
            bytes: usize::try_from(values.whole().unwrap_or_default()).unwrap_or(usize::MAX),
        }),
        7 => Said::Fact(Input::ReadPaused),
        8 => Said::Fact(Input::ReadResumed),
        9 => Said::Fact(Input::NetworkReturned),
        10 => Said::Fact(Input::CredentialReady { fetch }),
        11 => Said::Fact(Input::CredentialFailed { fetch, failure: credential_failure(values) }),
        12 => Said::Fact(Input::Opened { link }),
        13 => Said::Fact(Input::DialFailed { link, failure: dial_failure(values) }),
        14 => Said::Fact(Input::Heard { link }),
        15 => Said::Fact(Input::BadFrame { link, why: values.string() }),
        16 => Said::Fact(Input::Closed { link, code: close_code(values) }),
        17 => frame(values.accepted()),
        18 => frame(values.rejected()),
        19 => frame(values.subscribe_ack()),
        20 => frame(ServerFrame::UnsubscribeAck { unsubscribed: values.topics().0 }),
        21 => frame(values.topics_changed()),
        22 => frame(values.gap_frame()),
        23 => frame(ServerFrame::Pong { seq: values.seq() }),
        24 => frame(values.draining()),
        25 => frame(values.error()),
        26 => frame(ServerFrame::Unknown),
        _ => Said::TimePassed,
    }
}

fn wish_for(values: &mut Values<'_>, wish: fn(Vec<Topic>) -> Command) -> Said {
    match values.topics() {
        (topics, true) => Said::Wish(wish(topics)),
        (_, false) => Said::NoTopic,
    }
}

fn credential_failure(values: &mut Values<'_>) -> CredentialFailure {
    let (is_refused, retry_after, message) = (values.flag(), values.millis(), values.string());
    if is_refused {
        CredentialFailure::Refused { message }
    } else {
        CredentialFailure::Temporary { retry_after, message }
    }
}

fn dial_failure(values: &mut Values<'_>) -> DialFailure {
    let (how, retry_after, message) = (values.text(), values.millis(), values.string());
    match how {
        Some("unauthorized") => DialFailure::Unauthorized,
        Some("refused") => DialFailure::Refused { message },
        Some(_) | None => DialFailure::Temporary { retry_after, message },
    }
}

fn close_code(values: &mut Values<'_>) -> CloseCode {
    let code = values.whole().and_then(|code| u16::try_from(code).ok());
    code.map_or(CloseCode::ABNORMAL, CloseCode)
}
